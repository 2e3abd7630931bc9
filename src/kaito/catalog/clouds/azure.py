"""Azure's machines with accelerators.

Processors, memory and disk from https://learn.microsoft.com/azure/virtual-machines/sizes/gpu-
accelerated, local NVMe of the A100, H100 and H200 sizes from AKS's page on NVMe data disks; the
older series (V100, P100, P40, K80, M60) as those pages had them before their retirement. Disk is
the temporary one where there is no NVMe, in GiB. Fractions of a GPU are left out.
"""

from kaito.catalog.clouds.azure_prices import PRICES
from kaito.catalog.clouds.rows import Row, read_table
from kaito.catalog.instance_type import InstanceType

_TABLE = {
    "V100-16GB": (
        Row("Standard_NC6s_v3", 1, 6, 112, 736),
        Row("Standard_NC12s_v3", 2, 12, 224, 1474),
        Row("Standard_NC24s_v3", 4, 24, 448, 2948),
        Row("Standard_NC24rs_v3", 4, 24, 448, 2948, 56),
    ),
    "V100-32GB": (Row("Standard_ND40rs_v2", 8, 40, 672, 2948, 100, "nvlink"),),
    "K80": (
        Row("Standard_NC6", 1, 6, 56, 340),
        Row("Standard_NC12", 2, 12, 112, 680),
        Row("Standard_NC24", 4, 24, 224, 1440),
        Row("Standard_NC24r", 4, 24, 224, 1440, 56),
    ),
    "P100": (
        Row("Standard_NC6s_v2", 1, 6, 112, 736),
        Row("Standard_NC12s_v2", 2, 12, 224, 1474),
        Row("Standard_NC24s_v2", 4, 24, 448, 2948),
        Row("Standard_NC24rs_v2", 4, 24, 448, 2948, 56),
    ),
    "P40": (
        Row("Standard_ND6s", 1, 6, 112, 736),
        Row("Standard_ND12s", 2, 12, 224, 1474),
        Row("Standard_ND24s", 4, 24, 448, 2948),
        Row("Standard_ND24rs", 4, 24, 448, 2948, 56),
    ),
    "M60": (
        Row("Standard_NV6", 1, 6, 56, 340),
        Row("Standard_NV12", 2, 12, 112, 680),
        Row("Standard_NV24", 4, 24, 224, 1440),
        Row("Standard_NV12s_v3", 1, 12, 112, 320),
        Row("Standard_NV24s_v3", 2, 24, 224, 640),
        Row("Standard_NV48s_v3", 4, 48, 448, 1280),
    ),
    "T4": (
        Row("Standard_NC4as_T4_v3", 1, 4, 28, 180, 8),
        Row("Standard_NC8as_T4_v3", 1, 8, 56, 360, 8),
        Row("Standard_NC16as_T4_v3", 1, 16, 110, 360, 8),
        Row("Standard_NC64as_T4_v3", 4, 64, 440, 2880, 32),
    ),
    "A10": (
        Row("Standard_NV36ads_A10_v5", 1, 36, 440, 1440, 40),
        Row("Standard_NV36adms_A10_v5", 1, 36, 880, 2880, 80),
        Row("Standard_NV72ads_A10_v5", 2, 72, 880, 2880, 80),
    ),
    "A100-80GB": (
        Row("Standard_NC24ads_A100_v4", 1, 24, 220, 894, 20, "nvme"),
        Row("Standard_NC48ads_A100_v4", 2, 48, 440, 1788, 40, "nvme nvlink"),
        Row("Standard_NC96ads_A100_v4", 4, 96, 880, 3576, 80, "nvme nvlink"),
        Row("Standard_ND96amsr_A100_v4", 8, 96, 1900, 6400, 1600, "nvme nvlink"),
    ),
    # KAITO's name and Azure's own for the same machine.
    "A100-40GB": (
        Row("Standard_ND96asr_A100_v4", 8, 96, 900, 6000, 1600, "nvlink"),
        Row("Standard_ND96asr_v4", 8, 96, 900, 6000, 1600, "nvlink"),
    ),
    "H100-NVL": (
        Row("Standard_NC40ads_H100_v5", 1, 40, 320, 3576, 40, "nvme"),
        Row("Standard_NC80adis_H100_v5", 2, 80, 640, 7152, 80, "nvme nvlink"),
        Row("Standard_NCC40ads_H100_v5", 1, 40, 320),
    ),
    "H100-80GB": (Row("Standard_ND96isr_H100_v5", 8, 96, 1900, 28_610, 3200, "nvme nvlink"),),
    "H200": (Row("Standard_ND96isr_H200_v5", 8, 96, 1850, 28_610, 3200, "nvme nvlink"),),
    "V620": (
        Row("Standard_NG32ads_V620_v1", 1, 32, 64),
        Row("Standard_NG32adms_V620_v1", 1, 32, 176),
    ),
    "MI300X": (Row("Standard_ND96isr_MI300X_v5", 8, 96, 1850, 1000),),
}

TYPES: tuple[InstanceType, ...] = read_table("azure", _TABLE, PRICES)

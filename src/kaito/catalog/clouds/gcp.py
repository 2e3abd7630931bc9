"""Google Cloud's machines with accelerators.

From https://cloud.google.com/compute/docs/accelerator-optimized-machines and .../gpus: local SSD
only where it is part of the machine, in GiB. An N1 machine has no GPU of its own and no name of its
own with one: here the attached accelerator and its number are appended to its name.
"""

from kaito.catalog.clouds.gcp_prices import PRICES
from kaito.catalog.clouds.rows import Row, read_table
from kaito.catalog.instance_type import InstanceType

_TABLE = {
    "V100-16GB": (
        Row("n1-standard-8-nvidia-tesla-v100-x1", 1, 8, 30),
        Row("n1-standard-32-nvidia-tesla-v100-x4", 4, 32, 120, 0, 0, "nvlink"),
    ),
    "T4": (
        Row("n1-standard-4-nvidia-tesla-t4-x1", 1, 4, 15),
        Row("n1-standard-8-nvidia-tesla-t4-x1", 1, 8, 30),
        Row("n1-standard-16-nvidia-tesla-t4-x1", 1, 16, 60),
        Row("n1-standard-16-nvidia-tesla-t4-x2", 2, 16, 60),
        Row("n1-standard-32-nvidia-tesla-t4-x4", 4, 32, 120),
    ),
    "L4": (
        Row("g2-standard-4", 1, 4, 16, 0, 10),
        Row("g2-standard-8", 1, 8, 32, 0, 16),
        Row("g2-standard-12", 1, 12, 48, 0, 16),
        Row("g2-standard-16", 1, 16, 64, 0, 32),
        Row("g2-standard-24", 2, 24, 96, 0, 32),
        Row("g2-standard-32", 1, 32, 128, 0, 32),
        Row("g2-standard-48", 4, 48, 192, 0, 50),
        Row("g2-standard-96", 8, 96, 384, 0, 100),
    ),
    "A100-40GB": (
        Row("a2-highgpu-1g", 1, 12, 85, 0, 24),
        Row("a2-highgpu-2g", 2, 24, 170, 0, 32, "nvlink"),
        Row("a2-highgpu-4g", 4, 48, 340, 0, 50, "nvlink"),
        Row("a2-highgpu-8g", 8, 96, 680, 0, 100, "nvlink"),
        Row("a2-megagpu-16g", 16, 96, 1360, 0, 100, "nvlink"),
    ),
    "A100-80GB": (
        Row("a2-ultragpu-1g", 1, 12, 170, 375, 24, "nvme"),
        Row("a2-ultragpu-2g", 2, 24, 340, 750, 32, "nvme nvlink"),
        Row("a2-ultragpu-4g", 4, 48, 680, 1500, 50, "nvme nvlink"),
        Row("a2-ultragpu-8g", 8, 96, 1360, 3000, 100, "nvme nvlink"),
    ),
    "H100-80GB": (
        Row("a3-highgpu-1g", 1, 26, 234, 750, 25, "nvme"),
        Row("a3-highgpu-2g", 2, 52, 468, 1500, 50, "nvme nvlink"),
        Row("a3-highgpu-4g", 4, 104, 936, 3000, 100, "nvme nvlink"),
        Row("a3-highgpu-8g", 8, 208, 1872, 6000, 1000, "nvme nvlink"),
        Row("a3-megagpu-8g", 8, 208, 1872, 6000, 1800, "nvme nvlink"),
    ),
    "H200": (Row("a3-ultragpu-8g", 8, 224, 2952, 12_000, 3600, "nvme nvlink"),),
    "B200": (Row("a4-highgpu-8g", 8, 224, 3968, 12_000, 3600, "nvme nvlink"),),
    "RTX-PRO-6000": (
        Row("g4-standard-48", 1, 48, 180, 0, 50),
        Row("g4-standard-96", 2, 96, 360, 0, 100),
        Row("g4-standard-192", 4, 192, 720, 0, 200),
        Row("g4-standard-384", 8, 384, 1440, 0, 400),
    ),
}

TYPES: tuple[InstanceType, ...] = read_table("gcp", _TABLE, PRICES)

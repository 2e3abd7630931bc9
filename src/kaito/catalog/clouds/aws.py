"""AWS's machines with accelerators.

Processors, memory, disk and network of the types still sold from Karpenter's instance-types page
(v1.14, made of EC2's DescribeInstanceTypes); P2, P3 and G3 as EC2's own pages had them. Disk in
10^9 bytes. Fractions of a GPU (G6f) and the Arm machines (G5g), for which our images are not built,
are left out.
"""

from kaito.catalog.clouds.aws_prices import PRICES
from kaito.catalog.clouds.rows import Row, read_table
from kaito.catalog.instance_type import InstanceType

_TABLE = {
    "K80": (
        Row("p2.xlarge", 1, 4, 61),
        Row("p2.8xlarge", 8, 32, 488, 0, 10),
        Row("p2.16xlarge", 16, 64, 732, 0, 25),
    ),
    "M60": (
        Row("g3s.xlarge", 1, 4, 30.5, 0, 10),
        Row("g3.4xlarge", 1, 16, 122, 0, 10),
        Row("g3.8xlarge", 2, 32, 244, 0, 10),
        Row("g3.16xlarge", 4, 64, 488, 0, 25),
    ),
    "V100-16GB": (
        Row("p3.2xlarge", 1, 8, 61, 0, 10),
        Row("p3.8xlarge", 4, 32, 244, 0, 10, "nvlink"),
        Row("p3.16xlarge", 8, 64, 488, 0, 25, "nvlink"),
    ),
    "V100-32GB": (Row("p3dn.24xlarge", 8, 96, 768, 1800, 100, "nvme nvlink"),),
    "T4": (
        Row("g4dn.xlarge", 1, 4, 16, 125, 5, "nvme"),
        Row("g4dn.2xlarge", 1, 8, 32, 225, 10, "nvme"),
        Row("g4dn.4xlarge", 1, 16, 64, 225, 20, "nvme"),
        Row("g4dn.8xlarge", 1, 32, 128, 900, 50, "nvme"),
        Row("g4dn.12xlarge", 4, 48, 192, 900, 50, "nvme"),
        Row("g4dn.16xlarge", 1, 64, 256, 900, 50, "nvme"),
        Row("g4dn.metal", 8, 96, 384, 1800, 100, "nvme"),
    ),
    "A10G": (
        Row("g5.xlarge", 1, 4, 16, 250, 2, "nvme"),
        Row("g5.2xlarge", 1, 8, 32, 450, 5, "nvme"),
        Row("g5.4xlarge", 1, 16, 64, 600, 10, "nvme"),
        Row("g5.8xlarge", 1, 32, 128, 900, 25, "nvme"),
        Row("g5.12xlarge", 4, 48, 192, 3800, 40, "nvme"),
        Row("g5.16xlarge", 1, 64, 256, 1900, 25, "nvme"),
        Row("g5.24xlarge", 4, 96, 384, 3800, 50, "nvme"),
        Row("g5.48xlarge", 8, 192, 768, 7600, 100, "nvme"),
    ),
    "L4": (
        Row("g6.xlarge", 1, 4, 16, 250, 2, "nvme"),
        Row("g6.2xlarge", 1, 8, 32, 450, 5, "nvme"),
        Row("g6.4xlarge", 1, 16, 64, 600, 10, "nvme"),
        Row("g6.8xlarge", 1, 32, 128, 900, 25, "nvme"),
        Row("g6.12xlarge", 4, 48, 192, 3760, 40, "nvme"),
        Row("g6.16xlarge", 1, 64, 256, 1880, 25, "nvme"),
        Row("g6.24xlarge", 4, 96, 384, 3760, 50, "nvme"),
        Row("g6.48xlarge", 8, 192, 768, 7520, 100, "nvme"),
        Row("gr6.4xlarge", 1, 16, 128, 600, 10, "nvme"),
        Row("gr6.8xlarge", 1, 32, 256, 900, 25, "nvme"),
    ),
    "L40S": (
        Row("g6e.xlarge", 1, 4, 32, 250, 2, "nvme"),
        Row("g6e.2xlarge", 1, 8, 64, 450, 5, "nvme"),
        Row("g6e.4xlarge", 1, 16, 128, 600, 20, "nvme"),
        Row("g6e.8xlarge", 1, 32, 256, 900, 25, "nvme"),
        Row("g6e.12xlarge", 4, 48, 384, 3800, 100, "nvme"),
        Row("g6e.16xlarge", 1, 64, 512, 1900, 35, "nvme"),
        Row("g6e.24xlarge", 4, 96, 768, 3800, 200, "nvme"),
        Row("g6e.48xlarge", 8, 192, 1536, 7600, 400, "nvme"),
    ),
    "RTX-PRO-4500": (
        Row("g7.2xlarge", 1, 8, 32, 440, 60, "nvme"),
        Row("g7.4xlarge", 1, 16, 64, 875, 60, "nvme"),
        Row("g7.8xlarge", 1, 32, 128, 930, 80, "nvme"),
        Row("g7.12xlarge", 2, 48, 192, 1900, 175, "nvme"),
        Row("g7.24xlarge", 4, 96, 384, 3800, 350, "nvme"),
        Row("g7.48xlarge", 8, 192, 768, 7600, 700, "nvme"),
    ),
    "RTX-PRO-6000": (
        Row("g7e.2xlarge", 1, 8, 64, 1900, 50, "nvme"),
        Row("g7e.4xlarge", 1, 16, 128, 1900, 50, "nvme"),
        Row("g7e.8xlarge", 1, 32, 256, 1900, 100, "nvme"),
        Row("g7e.12xlarge", 2, 48, 512, 3800, 400, "nvme"),
        Row("g7e.24xlarge", 4, 96, 1024, 7600, 800, "nvme"),
        Row("g7e.48xlarge", 8, 192, 2048, 15_200, 1600, "nvme"),
    ),
    "A100-40GB": (Row("p4d.24xlarge", 8, 96, 1152, 8000, 400, "nvme nvlink"),),
    "A100-80GB": (Row("p4de.24xlarge", 8, 96, 1152, 8000, 400, "nvme nvlink"),),
    "H100-80GB": (
        Row("p5.4xlarge", 1, 16, 256, 3800, 100, "nvme"),
        Row("p5.48xlarge", 8, 192, 2048, 30_400, 3200, "nvme nvlink"),
    ),
    "H200": (
        Row("p5e.48xlarge", 8, 192, 2048, 30_400, 3200, "nvme nvlink"),
        Row("p5en.48xlarge", 8, 192, 2048, 30_400, 3200, "nvme nvlink"),
    ),
    "B200": (Row("p6-b200.48xlarge", 8, 192, 2048, 30_400, 3200, "nvme nvlink"),),
    "B300": (Row("p6-b300.48xlarge", 8, 192, 4096, 30_400, 6400, "nvme nvlink"),),
    "V520": (
        Row("g4ad.xlarge", 1, 4, 16, 150, 2, "nvme"),
        Row("g4ad.2xlarge", 1, 8, 32, 300, 4, "nvme"),
        Row("g4ad.4xlarge", 1, 16, 64, 600, 8, "nvme"),
        Row("g4ad.8xlarge", 2, 32, 128, 1200, 15, "nvme"),
        Row("g4ad.16xlarge", 4, 64, 256, 2400, 25, "nvme"),
    ),
    "Trainium": (
        Row("trn1.2xlarge", 1, 8, 32, 474, 3, "nvme"),
        Row("trn1.32xlarge", 16, 128, 512, 7600, 800, "nvme"),
        Row("trn1n.32xlarge", 16, 128, 512, 7600, 1600, "nvme"),
    ),
    "Trainium2": (Row("trn2.48xlarge", 16, 192, 2048, 7600, 3200, "nvme"),),
    "Inferentia": (
        Row("inf1.xlarge", 1, 4, 8, 0, 5),
        Row("inf1.2xlarge", 1, 8, 16, 0, 5),
        Row("inf1.6xlarge", 4, 24, 48, 0, 25),
        Row("inf1.24xlarge", 16, 96, 192, 0, 100),
    ),
    "Inferentia2": (
        Row("inf2.xlarge", 1, 4, 16, 0, 2),
        Row("inf2.8xlarge", 1, 32, 128, 0, 16),
        Row("inf2.24xlarge", 6, 96, 384, 0, 50),
        Row("inf2.48xlarge", 12, 192, 768, 0, 100),
    ),
}

TYPES: tuple[InstanceType, ...] = read_table("aws", _TABLE, PRICES, disk_unit=10**9)

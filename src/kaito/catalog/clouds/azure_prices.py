"""What an hour of Azure's machines costs, Linux on demand.

From Azure's retail price list as Karpenter's Azure provider keeps it (commit 352646f of that
repository). East US, and East US 2 for what is not sold there.
"""

from kaito.catalog.clouds.rows import PriceList

PRICES = PriceList(
    source=(
        "https://github.com/Azure/karpenter-provider-azure/blob/main/"
        "pkg/providers/pricing/zz_generated.pricing.go"
    ),
    as_of="2026-06-18",
    by_region={
        "eastus": {
            "Standard_NC6s_v3": "3.06",
            "Standard_NC12s_v3": "6.12",
            "Standard_NC24s_v3": "12.24",
            "Standard_NC24rs_v3": "13.46",
            "Standard_ND40rs_v2": "22.032",
            "Standard_NV12s_v3": "1.14",
            "Standard_NV24s_v3": "2.28",
            "Standard_NV48s_v3": "4.56",
            "Standard_NC4as_T4_v3": "0.526",
            "Standard_NC8as_T4_v3": "0.752",
            "Standard_NC16as_T4_v3": "1.204",
            "Standard_NC64as_T4_v3": "4.352",
            "Standard_NV36ads_A10_v5": "3.20",
            "Standard_NV36adms_A10_v5": "4.52",
            "Standard_NV72ads_A10_v5": "6.52",
            "Standard_NC24ads_A100_v4": "3.673",
            "Standard_NC48ads_A100_v4": "7.346",
            "Standard_NC96ads_A100_v4": "14.692",
            "Standard_ND96amsr_A100_v4": "32.77",
            "Standard_ND96asr_A100_v4": "27.197",
            "Standard_ND96asr_v4": "27.197",
            "Standard_NC40ads_H100_v5": "6.98",
            "Standard_NC80adis_H100_v5": "13.96",
            "Standard_ND96isr_H100_v5": "98.32",
        },
        "eastus2": {
            "Standard_NCC40ads_H100_v5": "8.82",
            "Standard_ND96isr_H200_v5": "84.80",
            "Standard_NG32ads_V620_v1": "2.54",
            "Standard_ND96isr_MI300X_v5": "48.00",
        },
    },
)

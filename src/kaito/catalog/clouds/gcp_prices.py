"""What an hour of Google Cloud's machines costs on demand, in us-central1, with their GPUs.

From Google's billing catalogue as the community's Karpenter provider keeps it (commit 373e2ba of
that repository). N1 machines are not in it with a GPU, so those have no price.
"""

from kaito.catalog.clouds.rows import PriceList

PRICES = PriceList(
    source=(
        "https://github.com/cloudpilot-ai/karpenter-provider-gcp/blob/main/"
        "pkg/providers/pricing/initial-prices.json"
    ),
    as_of="2026-08-03",
    by_region={
        "us-central1": {
            "g2-standard-4": "0.706832",
            "g2-standard-8": "0.853624",
            "g2-standard-12": "1.000416",
            "g2-standard-16": "1.147208",
            "g2-standard-24": "2.000833",
            "g2-standard-32": "1.734376",
            "g2-standard-48": "4.001665",
            "g2-standard-96": "8.00333",
            "a2-highgpu-1g": "3.673385",
            "a2-highgpu-2g": "7.34677",
            "a2-highgpu-4g": "14.69354",
            "a2-highgpu-8g": "29.38708",
            "a2-megagpu-16g": "55.739504",
            "a2-ultragpu-1g": "5.068798",
            "a2-ultragpu-2g": "10.137596",
            "a2-ultragpu-4g": "20.275192",
            "a2-ultragpu-8g": "40.550383",
            "a3-highgpu-1g": "11.06125",
            "a3-highgpu-2g": "22.1225",
            "a3-highgpu-4g": "44.245",
            "a3-highgpu-8g": "88.49",
            "g4-standard-48": "4.49993",
            "g4-standard-96": "8.99986",
            "g4-standard-192": "17.99972",
            "g4-standard-384": "35.99944",
        },
    },
)

"""Names that manifests used to carry and that nothing serves any more, with what to use instead.

KAITO 0.x had these presets; the classes they need were taken out of the engines.
"""

RETIRED: dict[str, str] = {
    "phi-3-small-8k-instruct": (
        "vLLM dropped its class (Phi3SmallForCausalLM) after 0.9.2; use phi-3-medium-4k-instruct "
        "or phi-4"
    ),
    "phi-3-small-128k-instruct": (
        "vLLM dropped its class (Phi3SmallForCausalLM) after 0.9.2; use "
        "phi-3-medium-128k-instruct or phi-4-mini-instruct"
    ),
    "llama-3-8b-instruct": "use llama-3.1-8b-instruct, its successor",
    "llama-3-70b-instruct": "use llama-3.3-70b-instruct, its successor",
    "llama-3.1-70b-instruct": "use llama-3.3-70b-instruct, its successor",
    "deepseek-r1": "use deepseek-r1-0528, its successor",
    "deepseek-v3": "use deepseek-v3-0324, its successor",
    "mistral-large-3": "use mistral-large-3-675b-instruct",
}
"""Retired name to what to do, as the end of a sentence."""

"""Adapters of a running server: what is served is made equal to what the wishes' file says.

`program.start_adapters` is the entry. `decision` decides, purely; `keeper` carries out; `fetch` and
`check` bring an adapter here and refuse what would harm the engine; `vllm_adapters` and
`peft_adapters` put it into a running engine.
"""

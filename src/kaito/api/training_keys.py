"""The settings that each section of `training_config.yaml` may have, by name.

Union over releases, so that no file that KAITO 0.12 takes is refused here. Sources: KAITO's
presets/workspace/tuning/text-generation/cli.py at 056b8280 (model, dataset); BitsAndBytesConfig,
TrainingArguments and DataCollatorForLanguageModeling of transformers 4.40 to 5.19; LoraConfig of
peft 0.8 to 0.20; SFTConfig of trl 0.9 to 1.10.
"""

from typing import Final

_MODEL = """
    cache_dir chat_template device_map dtype force_download local_files_only
    output_loading_info pretrained_model_name_or_path proxies revision state_dict
    torch_dtype trust_remote_code
"""
_QUANTIZATION = """
    bnb_4bit_compute_dtype bnb_4bit_quant_storage bnb_4bit_quant_type
    bnb_4bit_use_double_quant llm_int8_enable_fp32_cpu_offload llm_int8_has_fp16_weight
    llm_int8_skip_modules llm_int8_threshold load_in_4bit load_in_8bit quant_method
"""
_LORA = """
    alora_invocation_tokens alpha_pattern arrow_config auto_mapping base_model_name_or_path
    bias corda_config ensure_weight_tying eva_config exclude_modules fan_in_fan_out
    inference_mode init_lora_weights kasa_config layer_replication layers_pattern
    layers_to_transform loftq_config lora_alpha lora_bias lora_dropout lora_ga_config
    megatron_config megatron_core modules_to_save monteclora_config peft_type peft_version
    qalora_group_size r rank_pattern revision runtime_config target_modules
    target_parameters task_type trainable_token_indices use_bdlora use_dora use_qalora
    use_rslora velora_config
"""
_TRAINING = """
    accelerator_config activation_offloading adafactor adam_beta1 adam_beta2 adam_epsilon
    assistant_only_loss auto_find_batch_size average_tokens_across_devices
    batch_eval_metrics bf16 bf16_full_eval chars_per_token chat_template_path
    completion_only_loss data_seed dataloader_drop_last dataloader_in_order
    dataloader_multiprocessing_context dataloader_num_workers dataloader_persistent_workers
    dataloader_pin_memory dataloader_prefetch_factor dataset_batch_size dataset_kwargs
    dataset_num_proc dataset_text_field ddp_backend ddp_broadcast_buffers ddp_bucket_cap_mb
    ddp_find_unused_parameters ddp_static_graph ddp_timeout debug deepspeed disable_tqdm
    dispatch_batches do_eval do_predict do_train enable_jit_checkpoint eos_token
    eval_accumulation_steps eval_delay eval_do_concat_batches eval_on_start eval_packing
    eval_steps eval_strategy eval_use_gather_object evaluation_strategy fp16 fp16_backend
    fp16_full_eval fp16_opt_level fsdp fsdp_config fsdp_min_num_params
    fsdp_transformer_layer_cls_to_wrap full_determinism gradient_accumulation_steps
    gradient_checkpointing gradient_checkpointing_kwargs greater_is_better group_by_length
    half_precision_backend hub_always_push hub_model_id hub_private_repo hub_revision
    hub_strategy hub_token ignore_data_skip include_for_metrics include_inputs_for_metrics
    include_num_input_tokens_seen include_tokens_per_second jit_mode_eval label_names
    label_smoothing_factor learning_rate length_column_name liger_kernel_config
    load_best_model_at_end local_rank log_level log_level_replica log_on_each_node
    logging_dir logging_first_step logging_nan_inf_filter logging_steps logging_strategy
    loss_type lr_scheduler_kwargs lr_scheduler_type max_grad_norm max_length max_seq_length
    max_steps metric_for_best_model model_init_kwargs mp_parameters neftune_noise_alpha
    no_cuda num_of_sequences num_train_epochs optim optim_args optim_target_modules
    output_dir overwrite_output_dir packing packing_strategy pad_to_multiple_of pad_token
    padding_free parallelism_config past_index per_device_eval_batch_size
    per_device_train_batch_size per_gpu_eval_batch_size per_gpu_train_batch_size
    prediction_loss_only project push_to_hub push_to_hub_model_id push_to_hub_organization
    push_to_hub_token ray_scope remove_unused_columns report_to
    restore_callback_states_from_checkpoint resume_from_checkpoint router_aux_loss_coef
    run_name save_on_each_node save_only_model save_safetensors save_steps save_strategy
    save_total_limit seed sharded_ddp shuffle_dataset skip_memory_metrics split_batches tf32
    torch_compile torch_compile_backend torch_compile_mode torch_empty_cache_steps
    torchdynamo tpu_metrics_debug tpu_num_cores trackio_bucket_id trackio_space_id
    trackio_static_space_id train_sampling_strategy truncation_mode trust_remote_code
    use_cache use_cpu use_ipex use_liger use_liger_kernel use_mps_device warmup_ratio
    warmup_steps weight_decay
"""
_DATASET = """
    context_column dataset_extension dataset_path messages_column response_column
    show_samples shuffle_dataset shuffle_seed train_test_split
"""
_COLLATOR = """
    mask_replace_prob mlm mlm_probability pad_to_multiple_of random_replace_prob
    return_tensors seed tf_experimental_compile tokenizer whole_word_mask
"""

SECTIONS: Final[dict[str, frozenset[str]]] = {
    "ModelConfig": frozenset(_MODEL.split()),
    "QuantizationConfig": frozenset(_QUANTIZATION.split()),
    "LoraConfig": frozenset(_LORA.split()),
    "TrainingArguments": frozenset(_TRAINING.split()),
    "DatasetConfig": frozenset(_DATASET.split()),
    "DataCollator": frozenset(_COLLATOR.split()),
}
"""Section to its settings."""

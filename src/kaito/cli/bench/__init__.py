"""What `kaito bench` measures, and how: prompts, load, figures, and how they are shown and kept."""

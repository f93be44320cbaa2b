"""What a model runs on."""

"""The boards that edgernn knows, one TOML file each."""

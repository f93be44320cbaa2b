"""The verb `deploy`: an artifact to a device, run there, and proof that it answers there as it does here."""

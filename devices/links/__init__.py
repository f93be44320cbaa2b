"""Devices that an artifact is deployed to: one interface, and one file for each kind of link."""

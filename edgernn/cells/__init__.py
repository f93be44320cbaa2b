"""The recurrent cells, each its equations written once."""

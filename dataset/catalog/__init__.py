"""The catalog: the tables of a workspace and the connection to them."""

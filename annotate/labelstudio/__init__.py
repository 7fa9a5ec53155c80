"""Label Studio: the workspace's tasks over there, and the answers back, never trusted blindly."""

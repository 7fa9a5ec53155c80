"""The web part: images by their addresses, and whether the addresses still lead to them."""

"""Puts a model's weights where the server will look, from the first source that has them."""

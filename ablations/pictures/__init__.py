"""Recipes and images -> arrays and pictures of them."""

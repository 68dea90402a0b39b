"""What tests are made of: small recipes, images, stored trials, frames."""

"""How good an image is where no truth is known: judged by localizations it was not made from."""

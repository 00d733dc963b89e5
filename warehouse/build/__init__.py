"""Build: the private warehouse file, one writer."""

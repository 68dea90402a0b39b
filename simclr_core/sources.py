"""Where images may come from, by name; without anything to import, for command lines to say."""

DOWNLOADED = ("cifar10", "cifar100", "svhn", "stl10", "food101", "dtd", "flowers102", "pets", "aircraft")
DRAWN = ("embedded", "embedded-pairs")  # in code, at a size of their own
OWN = ("folder:", "pairs:")  # before the path of the user's own images
SOURCES = (*DRAWN, *DOWNLOADED, *(f"{kind}PATH" for kind in OWN))

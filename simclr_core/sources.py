"""Where images may come from, by name; without anything to import, for command lines to say."""

DOWNLOADED = (
    "cifar10", "cifar100", "svhn", "stl10", "stl10-unlabeled", "food101", "dtd", "flowers102", "pets", "aircraft",
)  # fmt: skip
DRAWN = ("embedded", "embedded-pairs")  # in code, at a size of their own
PAIRED = ("embedded-pairs", "pairs:")  # how those begin whose images have two recordings each
OWN = ("folder:", "pairs:")  # before the path of the user's own images
SOURCES = (*DRAWN, *DOWNLOADED, *(f"{kind}PATH" for kind in OWN))

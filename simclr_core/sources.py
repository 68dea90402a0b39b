"""Where images may come from, by name; without anything to import, for command lines to say."""

DOWNLOADED = (
    "cifar10", "cifar100", "svhn", "stl10", "stl10-unlabeled", "food101", "dtd", "flowers102", "pets", "aircraft",
)  # fmt: skip
SOURCES = ("embedded", *DOWNLOADED, "folder:PATH")

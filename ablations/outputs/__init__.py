"""One study at one scale as files: written, recorded, read again."""

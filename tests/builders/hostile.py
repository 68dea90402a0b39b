"""Texts that try to break out of a page."""

HOSTILE = (
    "<script>hacked=1</script>",
    '"onmouseover="hacked=1',
    "</style><img src=x onerror=hacked=1>",
    "{{7*7}}",
    "{% raw %}",
    "'; hacked=1; //",
    "$\\frac{",
    "&amp;",
)
EVIL = " ".join(HOSTILE)

"""The page in a browser, from disk: quiet, alone, sortable, no wider than the screen. Needs Chromium or Chrome."""

import shutil
from dataclasses import replace

import pytest
from builders import shelf
from builders.hostile import EVIL, HOSTILE

from ablations import report
from ablations.console.arguments import Exit

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
BROWSER = BROWSER or next(filter(shutil.which, ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra [test])")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """A study with hostile names and a friendly one, drawn once."""
    out = tmp_path_factory.mktemp("reports")
    with pytest.MonkeyPatch.context() as patched:
        evil = shelf.verdict("undecided", [shelf.part("undecided", label=EVIL)], command=EVIL)
        claim = replace(evil.claim, statement=EVIL, inequality=EVIL)
        shelf.judging(patched, [*shelf.verdicts(), replace(evil, claim=claim)], EVIL)
        about = shelf.study_info(
            study="evil", paper="", question=EVIL, data=EVIL, labels={"head": EVIL},
            axes={"head": (*HOSTILE[:3], "none"), "dim": (16, 128)},
        )  # fmt: skip
        records = shelf.rows(about)
        records[2] |= {"status": "failed", "top1": None}
        shelf.leave(out, about, records, EVIL)
        shelf.leave(out)
        assert report.main(["--out", str(out)]) == Exit.DONE
    return out / "reports"


@pytest.fixture
def opened(chromium, reports):
    """Opens a page at a width; at the end nothing may have been asked for, logged or run that is not ours."""
    seen, contexts = [], []

    def open_at(name, width=1280, scheme="light"):
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("console", lambda message: seen.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: seen.append(f"error: {error}"))
        page.on("dialog", lambda dialog: seen.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: seen.append(request.url) if _leaves(request.url, reports) else None)
        page.goto((reports / name).as_uri())
        return page

    yield open_at
    for info in contexts:
        info.close()
    assert seen == []


def _leaves(url, reports):
    return not url.startswith(("data:", reports.as_uri()))


@pytest.mark.parametrize("name", ["heads/laptop.html", "evil/laptop.html", "index.html"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_is_quiet_alone_and_never_wider_than_the_screen(opened, name, width, scheme, tmp_path):
    page = opened(name, width, scheme)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("Array.from(document.images).every(image => image.naturalWidth > 0)")
    assert page.evaluate("typeof hacked") == "undefined"
    page.mouse.move(width / 2, 450)  # over whatever would react to it
    picture = tmp_path / "page.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 10_000


def test_it_is_dark_where_the_reader_wants_that_but_figures_keep_a_white_card(opened):
    color = "getComputedStyle(document.querySelector('{}')).backgroundColor"
    light, dark = (opened("heads/laptop.html", scheme=scheme) for scheme in ("light", "dark"))
    assert light.evaluate(color.format("body")) == "rgb(255, 255, 255)"
    assert dark.evaluate(color.format("body")) != "rgb(255, 255, 255)"
    assert dark.evaluate(color.format(".plate")) == "rgb(255, 255, 255)"


def column(page, table, index):
    return page.locator(f"{table} tbody tr td:nth-child({index + 1})").all_text_contents()


def test_a_heading_sorts_numbers_as_numbers_and_what_is_missing_last_either_way(opened):
    page = opened("evil/laptop.html")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    table = "[aria-label='Every trial'] table"
    headings = page.locator(f"{table} th")
    top1 = headings.all_inner_texts().index("linear probe top-1 (%)")
    heading = headings.nth(top1)
    before = column(page, table, top1)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    rising = column(page, table, top1)
    numbers = [float(text) for text in rising[:-1]]
    assert rising[-1] == "–"
    assert numbers == sorted(numbers)
    assert rising != before
    heading.locator("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(page, table, top1) == [*reversed(rising[:-1]), "–"]
    headings.nth(0).locator("button").press("Space")
    assert heading.get_attribute("aria-sort") is None
    assert column(page, table, 0) == sorted(column(page, table, 0))
    page.reload()
    assert column(page, table, top1) == before


def test_a_table_is_taken_away_as_a_file(opened, tmp_path):
    page = opened("heads/laptop.html")
    with page.expect_download() as coming:
        page.locator("a[download='heads-laptop.csv']").click()
    coming.value.save_as(tmp_path / "taken.csv")
    assert (tmp_path / "taken.csv").read_text().startswith("role,head,dim,seed,status")


def test_a_command_is_copied_from_a_page_on_disk(opened):
    page = opened("heads/laptop.html")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.locator("#claims .copy").first
    button.click()
    page.wait_for_function("button => button.textContent === 'Copied'", arg=button.element_handle())
    assert page.evaluate("navigator.clipboard.readText()") == "python -m ablations.run heads --seeds 12"


def test_the_pages_link_to_each_other(opened, reports):
    page = opened("index.html")
    page.locator("a[href='heads/laptop.html']").click()
    assert page.locator("h1").inner_text() == "Does a head help?"
    page.get_by_text("All reports").click()
    assert page.url == (reports / "index.html").as_uri()

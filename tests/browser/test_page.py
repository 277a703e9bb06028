"""The page, in a real browser: `make browser`."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.driver import Browser, chromium
from tests.cron.program import Cron
from tests.support import HttpServer, write

pytestmark = pytest.mark.browser

ROWS = "#jobs tbody tr[data-job]"
NAMES = "#jobs tbody .open"
EVIL = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>"
TOKEN = "a-token-of-24-characters"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def jobs(url: str) -> list[dict[str, Any]]:
    once = {"max_attempts": 1}
    twice = {"max_attempts": 2, "initial_interval": "50ms"}
    return [
        {"name": "pulse", "schedule": "@every 1s", "webhook": {"url": f"{url}/status/200"}},
        {
            "name": "broken",
            "schedule": "@every 1s",
            "tags": {"team": "finance"},
            "retry_policy": twice,
            "webhook": {"url": f"{url}/status/503"},
        },
        {
            "name": "slow",
            "schedule": "@every 1s",
            "concurrency": "forbid",
            "webhook": {"url": f"{url}/silent/page"},
        },
        {
            "name": f"{EVIL}\u202egnp",
            "id": "evil",
            "description": EVIL,
            "tags": {"t": EVIL},
            "schedule": "@every 1s",
            "retry_policy": once,
            "webhook": {"url": f"{url}/status/200", "expect": {"body": EVIL}},
        },
        {
            "name": "daily-report",
            "schedule": "0 9 * * 1-5",
            "timezone": "Europe/Berlin",
            "webhook": {"url": f"{url}/status/200"},
        },
        {"name": "off", "schedule": "@daily", "enabled": False, "webhook": {"url": url}},
    ]


@pytest.fixture(scope="module")
def cron(tmp_path_factory: pytest.TempPathFactory, server: HttpServer) -> Iterator[Cron]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "jobs.yaml").write_text(json.dumps({"jobs": jobs(server.url)}))
    arguments = ("--listen", "127.0.0.1:0", "--grace", "0s")
    with Cron(folder, "jobs.yaml", *arguments) as running:
        running.wait_for("ended", 8)
        yield running


@pytest.fixture
def page(browser: Browser, cron: Cron) -> Browser:
    browser.resize(1280, 900)
    browser.open("about:blank")
    browser.console()
    browser.open(cron.events("listening")[0]["url"])
    browser.wait_for("document.querySelectorAll(arguments[0]).length >= 6", ROWS)
    return browser


def row(page: Browser, job: str) -> dict[str, str]:
    """The cells of a job, by their titles."""
    script = """
        const row = document.querySelector(`tr[data-job="${arguments[0]}"]`);
        return [...row.cells].map((cell) => [cell.dataset.label, cell.innerText]);
    """
    return dict(page.run(script, job))


def names(page: Browser) -> list[str]:
    every = "return [...document.querySelectorAll(arguments[0])].map(one => one.dataset.job)"
    found: list[str] = page.run(every, ROWS)
    return found


def test_jobs_are_shown_as_they_stand(page: Browser) -> None:
    assert page.text("#state") == "running"
    assert re.match(r"6 jobs, [1-4] running", page.text("#totals"))
    assert "running " in row(page, "slow")["Now"]
    assert row(page, "pulse")["Last"].startswith("succeeded 200")
    assert row(page, "broken")["Last"].startswith("unreachable 503")
    assert row(page, "off")["Next"] == "disabled"
    daily = row(page, "daily-report")
    assert daily["Schedule"] == "0 9 * * 1-5\nat 09:00, Monday to Friday · Europe/Berlin"
    assert daily["Last"] == "none yet"
    bars = "document.querySelectorAll('tr[data-job=broken] .strip .failed').length"
    assert page.wait_for(f"{bars} >= 2 && {bars}") <= 20
    assert not page.console()


def test_it_refreshes_itself(page: Browser) -> None:
    before = page.text("#fresh")
    bars = "document.querySelectorAll('tr[data-job=pulse] .strip .succeeded').length"
    count = page.run(f"return {bars}")
    page.wait_for("document.querySelector('#fresh').innerText !== arguments[0]", before)
    page.wait_for(f"{bars} > arguments[0] || {bars} === 20", count)
    assert not page.console()


def test_jobs_are_sorted_and_filtered(page: Browser) -> None:
    # What runs is first, what never fires is last.
    assert names(page)[-2:] == ["daily-report", "off"]
    page.click("th button[data-sort=job_id]")
    assert names(page) == ["broken", "daily-report", "evil", "off", "pulse", "slow"]
    page.click("th button[data-sort=job_id]")
    assert names(page) == ["slow", "pulse", "off", "evil", "daily-report", "broken"]
    assert page.run("return document.querySelector('th').ariaSort") == "descending"
    page.click("th button[data-sort=last]")
    assert set(names(page)[:2]) == {"broken", "evil"}  # failures are first
    page.type("#filter", "team=fin")
    page.wait_for("document.querySelectorAll(arguments[0]).length === 1", ROWS)
    assert (names(page), page.text("#shown")) == (["broken"], "1 job")


def test_the_history_of_a_job_with_its_attempts(page: Browser) -> None:
    page.click("tr[data-job=broken] .open")
    page.wait_for("document.querySelectorAll('#runs > li ol li').length >= 2")
    assert page.text("#history h2") == "broken"
    first = page.texts("#runs > li")[0]
    assert first.startswith("unreachable 503")
    assert first.count("unreachable 503") == 3  # the execution and its two attempts
    assert page.run("return location.hash") == "#broken"
    page.click("#close")
    assert page.run("return document.querySelector('#history').hidden")
    assert not page.console()


def test_hostile_names_and_messages_are_text(page: Browser) -> None:
    page.click("tr[data-job=evil] .open")
    page.wait_for("document.querySelectorAll('#runs > li').length >= 1")
    assert row(page, "evil")["Job"].startswith(EVIL + r"\u{202e}gnp")
    assert EVIL in page.text("#about")
    assert EVIL in page.text("#runs")
    assert page.run("return document.images.length + document.scripts.length") == 1
    assert page.run("return window.hit === undefined")
    assert not page.console()


def test_the_policy_lets_nothing_else_in(page: Browser) -> None:
    refused = """
        const script = document.createElement("script");
        try { script.textContent = "window.hit = 1"; } catch (error) { return error.name; }
        document.body.append(script);
        return window.hit === undefined ? "inert" : "hit";
    """
    assert page.run(refused) == "TypeError"
    written = "try { document.body.innerHTML = 'x' } catch (error) { return error.name }"
    assert page.run(written) == "TypeError"
    handler = "try { document.body.setAttribute('onclick', '1') } catch (it) { return it.name }"
    assert page.run(handler) == "TypeError"
    elsewhere = """
        return fetch("http://127.0.0.2:9/").then(() => "sent", (error) => error.message);
    """
    assert "Failed to fetch" in page.run(elsewhere)
    assert "Content Security Policy" in " ".join(page.console())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1280])
def test_it_can_be_read(page: Browser, scheme: str, width: int) -> None:
    page.resize(width, 800)
    page.prefer(scheme)
    page.click("tr[data-job=evil] .open")
    page.wait_for("document.querySelectorAll('#runs > li').length >= 1")
    page.wait_for("document.documentElement.scrollWidth <= arguments[0]", width)
    back = page.run("return getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 20, 26)"}[scheme]
    assert page.run(CONTRASTS) > 4.4  # WCAG 2.2, 1.4.3: 4.5, rounded


CONTRASTS = """
    const light = (text) => {
        const [r, g, b] = text.match(/[0-9.]+/g).map((part) => part / 255)
            .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const back = (element) => {
        const own = getComputedStyle(element).backgroundColor;
        return own.startsWith("rgba(0, 0, 0, 0)") ? back(element.parentElement) : own;
    };
    const isText = (node) => node.nodeType === 3 && node.data.trim();
    const seen = [...document.querySelectorAll("body *")]
        .filter((one) => one.offsetParent && [...one.childNodes].some(isText));
    return Math.min(...seen.map((one) => {
        const both = [light(getComputedStyle(one).color), light(back(one))];
        return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    }));
"""


def test_a_refused_reload_is_shown(page: Browser, cron: Cron) -> None:
    assert page.run("return document.querySelector('#refused').hidden")
    file = cron.log.parent / "jobs.yaml"
    good = file.read_text()
    write(file.parent, f"nme: {json.dumps(EVIL)}\n", "jobs.yaml")
    cron.send(signal.SIGHUP)
    page.wait_for("!document.querySelector('#refused').hidden")
    assert "the jobs stay as they are" in page.text("#refused summary")
    page.click("#refused summary")
    assert "jobs.yaml:1:1" in page.text("#refused ul")
    assert page.run("return window.hit === undefined")
    file.write_text(good)
    cron.send(signal.SIGHUP)
    page.wait_for("document.querySelector('#refused').hidden")


@pytest.mark.parametrize("hash_", ["%", "%zz", "%ff", "no%20such%20job"])
def test_an_address_that_names_no_job_shows_all(browser: Browser, cron: Cron, hash_: str) -> None:
    browser.open("about:blank")
    browser.open(f"{cron.events('listening')[0]['url']}#{hash_}")
    browser.wait_for("document.querySelectorAll(arguments[0]).length > 0", ROWS)


def test_the_token_is_asked_for_and_kept(
    browser: Browser, server: HttpServer, tmp_path: Path
) -> None:
    (tmp_path / "jobs.yaml").write_text(json.dumps({"jobs": jobs(server.url)[-2:]}))
    write(tmp_path, TOKEN, "token")
    arguments = ("--listen", "127.0.0.1:0", "--listen-token-file", "token")
    with Cron(tmp_path, "jobs.yaml", *arguments) as cron:
        cron.wait_for("started")
        browser.open(cron.events("listening")[0]["url"])
        browser.wait_for("!document.querySelector('#login').hidden")
        browser.type("#token", "wrong")
        browser.click("#login button")
        browser.wait_for("document.querySelector('#login-failed').innerText")
        browser.run("document.querySelector('#token').value = ''")
        browser.type("#token", TOKEN)
        browser.click("#login button")
        browser.wait_for("document.querySelectorAll(arguments[0]).length === 2", ROWS)
        browser.open(cron.events("listening")[0]["url"])
        browser.wait_for("document.querySelectorAll(arguments[0]).length === 2", ROWS)
        cron.stop()
        browser.wait_for("!document.querySelector('#trouble').hidden")
        assert "No answer from the scheduler" in browser.text("#trouble")

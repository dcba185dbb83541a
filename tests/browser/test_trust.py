"""Whether a final video is good is seen beside it, and it is passed on with a link; one that begins
badly is tried once more, from another random start."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visits import DESKTOP, visit
from tests.support import s3_server
from tests.support.servers import Server, serving

BUCKET = "videos"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a GPU, as far as it can tell, and a bucket; its first seed is a bad one."""
    with s3_server.running(tmp_path_factory.mktemp("s3")) as store:
        store.client.create_bucket(Bucket=BUCKET)
        settings = store.environment | {"AWS_BUCKET_NAME": BUCKET, "SCRIPTED_BAD_SEED": "42"}
        with serving(tmp_path_factory.mktemp("data"), pause_s=0.01, **settings) as server:
            yield server


def test_a_bad_start_is_said_and_tried_anew_and_the_result_is_reported_on_and_passed_on(
    browser: Browser, server: Server, artifacts: Path, word: Path
) -> None:
    with visit(browser, server.address, DESKTOP, "light", artifacts) as me:
        page = me.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        me.draft(word)
        me.make()
        me.see("The video could not be made")
        expect(page.get_by_role("alert")).to_contain_text("first window are black")
        me.shoot("30-bad-window")

        me.press("Try again")
        me.see("Your video is ready")
        side = page.locator("#tp-side")
        expect(side.get_by_role("heading")).to_have_text("Good, one thing to look at")
        expect(side).to_contain_text("The lips follow the voice.")
        expect(side).to_contain_text("Worth a look")
        expect(page.get_by_role("heading", name="Draft and final")).to_be_visible()

        copy = page.get_by_role("button", name="Copy share link")
        expect(copy).to_be_visible()
        me.shoot("31-report")
        copy.click()
        expect(page.get_by_role("button", name="Link copied")).to_be_visible()
        link = page.evaluate("navigator.clipboard.readText()")
        with urllib.request.urlopen(link) as video:
            assert video.headers["Content-Type"] == "video/mp4"
            sent = video.read()
        job = (me.film or "").split("/media/")[1].split("/")[0]
        assert sent == (server.data / "jobs" / job / "result.mp4").read_bytes()

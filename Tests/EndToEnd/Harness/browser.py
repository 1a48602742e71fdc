"""Drives a console with Debian's chromium as a person would: signs in, reads every page light and dark, acts by keyboard alone.

    browser.py ORDERS.json        what to do; on stdout, as JSON, what was found

ORDERS: url, token (a file), folder (of its own), pages ([{name, path, open, isOnPhone}]), acts ([{page, act, fields, told}]), shots (a folder
for pictures, or nothing), schemes (light, dark or both), scriptless (whether it is tried), change (a rollout whose state is changed by the API while its page is open, or nothing).
"""
import json
import ssl
import sys
import time
import urllib.request

from axe_core_python import selenium as axe_of_selenium
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

DEADLINE = 20
LOADED = """
return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .filter((it) => !it.name.includes('/v1/events') && !it.name.includes('/console/live'))
    .reduce((sum, it) => sum + it.transferSize, 0);
"""
# Of a phone, in pixels of a style sheet.
PHONE = 390
STOPS = 400
"""So many stops of the Tab key are looked at before a page is said to lack one."""


class Refused(Exception):
    """A page is not as it should be."""


def start(folder):
    """A chromium with a profile of its own."""
    options = webdriver.ChromeOptions()
    for word in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900",
                 "--force-device-scale-factor=1", "--lang=en", f"--user-data-dir={folder}"]:
        options.add_argument(word)
    # The controller's authority is its own.
    options.accept_insecure_certs = True
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = "/usr/bin/chromium"
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


def wait(driver, what, condition):
    """Until it holds; what it is stands in the error."""
    try:
        # A page that is drawn anew in the middle of a look is looked at again.
        stale = [StaleElementReferenceException]
        return WebDriverWait(driver, DEADLINE, poll_frequency=0.02, ignored_exceptions=stale).until(condition)
    except TimeoutException as error:
        raise Refused(f"{what}: not within {DEADLINE} s at {driver.current_url}: {text(driver)[:600]}") from error


def text(driver):
    return driver.find_element(By.TAG_NAME, "body").text


def press(driver, *keys):
    ActionChains(driver).send_keys(*keys).perform()


def focused(driver):
    """What has the focus: its tag, its id, its name, and the act that it stands in."""
    return driver.execute_script(
        "const e = document.activeElement; return [e.localName, e.id, e.name || '', e.closest('details')?.id || '',"
        " e.getAttribute('type') || ''];")


def tab_to(driver, what, fits):
    """By the Tab key alone."""
    for _ in range(STOPS):
        press(driver, Keys.TAB)
        if fits(focused(driver)):
            return
    raise Refused(f"the Tab key does not reach {what} at {driver.current_url}")


def sign_in(driver, orders):
    driver.get(orders["url"] + "/")
    with open(orders["token"], encoding="ascii") as file:
        token = file.read().strip()
    wait(driver, "the token's field has the focus", lambda it: focused(it)[1] == "token")
    press(driver, token, Keys.ENTER)
    wait(driver, "signed in", lambda it: "Sign out" in text(it))


def schemes(driver, names):
    for scheme in names:
        driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [
                {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]})
        yield scheme


def read(driver, orders, found):
    """Every page light and dark, as a program for the blind and a colour meter see it."""
    axe = axe_of_selenium.Axe()
    # Each load is a first one: nothing is kept.
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    for page in orders["pages"]:
        for scheme in schemes(driver, orders.get("schemes", ["light", "dark"])):
            began = time.monotonic()
            driver.get(orders["url"] + page["path"])
            found["milliseconds"][page["name"]] = round(1000 * (time.monotonic() - began))
            found["bytes"][page["name"]] = driver.execute_script(LOADED)
            if not driver.find_elements(By.TAG_NAME, "h1"):
                raise Refused(f"{page['path']} has no heading")
            judge(driver, axe, f"{page['name']} {scheme}", found)
            found["pages"] += 1
            if orders.get("shots"):
                shoot(driver, f"{orders['shots']}/{page['name']}-{scheme}.png", page)
        on_a_phone(driver, axe, orders, page, found)
    note_console(driver, found)


def judge(driver, axe, name, found, rules=None):
    for one in axe.run(driver, options={"runOnly": rules} if rules else None)["violations"]:
        places = [" ".join(map(str, node["target"])) for node in one["nodes"]][:5]
        found["violations"].append(f"{name}: {one['id']}: {places}")


def on_a_phone(driver, axe, orders, page, found):
    """What is wider than the screen scrolls inside its own box, and the page does not."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": PHONE, "height": 844, "deviceScaleFactor": 1, "mobile": True})
    driver.get(orders["url"] + page["path"])
    width = driver.execute_script("return document.scrollingElement.scrollWidth")
    if width > PHONE:
        found["violations"].append(f"{page['name']}: {width} wide on a screen of {PHONE}")
    # What scrolls in its box there does so by keyboard too; the other rules look at no width.
    judge(driver, axe, f"{page['name']} on a phone", found, ["scrollable-region-focusable"])
    if orders.get("shots") and page.get("isOnPhone"):
        driver.save_screenshot(f"{orders['shots']}/{page['name']}-phone.png")
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def shoot(driver, path, page):
    if page.get("open"):
        driver.find_element(By.CSS_SELECTOR, f"#{page['open']} summary").click()
    driver.execute_script("window.scrollTo(0, arguments[0])", page.get("scroll", 0))
    driver.save_screenshot(path)


def note_console(driver, found):
    """What the browser complains about: scripts, refusals of the content security policy."""
    for line in driver.get_log("browser"):
        # A refused form answers 4xx, which is what the page says.
        if line["level"] in ("SEVERE", "WARNING") and "the server responded with a status of 4" not in line["message"]:
            found["complaints"].append(line["message"])


def act(driver, orders, one, found):
    """Opens the form by keyboard, fills it, sends it, and reads what was done."""
    driver.get(orders["url"] + one["page"])
    details = "act-" + one["act"]
    tab_to(driver, one["act"], lambda it: it[0] == "summary" and it[3] == details)
    press(driver, Keys.ENTER)
    for name, value in one["fields"].items():
        tab_to(driver, f"{name} of {one['act']}", lambda it, name=name: it[2] == name)
        press(driver, value)
    tab_to(driver, f"the button of {one['act']}", lambda it: it[0] == "button" and it[3] == details)
    press(driver, Keys.ENTER)
    wait(driver, f"{one['act']} says {one['told']!r}", lambda it: one["told"] in "".join(
        element.text for element in it.find_elements(By.ID, "told")))
    found["acts"].append(one["act"])


def without_script(orders, driver, found):
    """Every page reads, and one act is done, with JavaScript off."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    for page in orders["pages"]:
        driver.get(orders["url"] + page["path"])
        source = driver.page_source
        if "<main" not in source or "<h1" not in source:
            raise Refused(f"{page['path']} says nothing without JavaScript")
        found["withoutScript"] += 1
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def change(driver, orders, found):
    """From a change on the controller to the page that says it, without anybody's reload."""
    driver.get(f"{orders['url']}/console/rollouts/{orders['change']}")
    wait(driver, "the page is live", lambda it: it.find_element(By.ID, "stream").get_attribute("data-state") == "live")
    with open(orders["token"], encoding="ascii") as file:
        token = file.read().strip()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    began = time.monotonic()
    request = urllib.request.Request(
        f"{orders['url']}/v1/rollouts/{orders['change']}/halt", data=b'{"reason":"to be seen"}', method="POST",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    urllib.request.urlopen(request, context=context, timeout=DEADLINE).read()
    wait(driver, "the page says it", lambda it: it.execute_script(
        "return [...document.querySelectorAll('.badge')].some((it) => it.textContent === 'Halted');"))
    found["changeMilliseconds"] = round(1000 * (time.monotonic() - began))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        orders = json.load(file)
    found = {"pages": 0, "withoutScript": 0, "violations": [], "complaints": [], "acts": [], "milliseconds": {}, "bytes": {},
             "changeMilliseconds": 0, "seconds": {}}
    driver = start(orders["folder"] + "/profile")
    began = time.monotonic()

    def took(part):
        nonlocal began
        found["seconds"][part] = round(time.monotonic() - began)
        began = time.monotonic()

    try:
        sign_in(driver, orders)
        took("signsIn")
        read(driver, orders, found)
        took("reads")
        if orders.get("scriptless", True):
            without_script(orders, driver, found)
        took("withoutScript")
        if orders.get("change"):
            change(driver, orders, found)
        for one in orders["acts"]:
            act(driver, orders, one, found)
        note_console(driver, found)
        took("acts")
    except Refused as refusal:
        found["complaints"].append(str(refusal))
    finally:
        driver.quit()
    print(json.dumps(found))


if __name__ == "__main__":
    main()

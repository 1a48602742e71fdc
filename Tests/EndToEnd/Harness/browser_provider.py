"""Signs in to a console in Debian's chromium by way of an identity provider (Tests/Interop/oidc_provider.py), out again, and is
refused.

    browser_provider.py ORDERS.json        url (of the console), provider (its address), folder (of its own); on stdout what was read
"""
import json
import ssl
import sys
import urllib.request

from axe_core_python import selenium as axe_of_selenium
from browser import Refused, note_console, schemes, start, text, wait
from selenium.webdriver.common.by import By


def tell(orders, asked):
    """The provider, what it says from now on."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(
        orders["provider"] + "/control/set", data=json.dumps(asked).encode(), method="POST")
    urllib.request.urlopen(request, context=context, timeout=20).read()


def enter(driver, orders):
    """To the provider, who sends the browser back at once."""
    driver.get(orders["url"] + "/")
    wait(driver, "the provider's link", lambda it: it.find_elements(By.PARTIAL_LINK_TEXT, "Sign in with company"))
    driver.find_element(By.PARTIAL_LINK_TEXT, "Sign in with company").click()


def judge(driver, found, name):
    axe = axe_of_selenium.Axe()
    for scheme in schemes(driver, ["light", "dark"]):
        found["violations"] += [f"{name} {scheme}: {one['id']}" for one in axe.run(driver)["violations"]]


def refused(driver):
    """The words on the page of who is not let in."""
    wait(driver, "the refusal", lambda it: it.find_elements(By.CSS_SELECTOR, "[role=alert]"))
    if driver.get_cookie("__Host-slipway"):
        raise Refused("there is a session")
    return driver.find_element(By.CSS_SELECTOR, "[role=alert]").text


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        orders = json.load(file)
    found = {"violations": [], "complaints": [], "signedIn": "", "signedOut": False, "guest": ""}
    driver = start(orders["folder"] + "/profile")
    try:
        driver.get(orders["url"] + "/")
        judge(driver, found, "sign-in")
        enter(driver, orders)
        wait(driver, "signed in", lambda it: it.find_elements(By.CLASS_NAME, "who"))
        found["signedIn"] = driver.find_element(By.CLASS_NAME, "who").text
        # The cookie that came at the end of a way over another site goes along with what the page asks for.
        wait(driver, "the page is live",
             lambda it: it.find_element(By.ID, "stream").get_attribute("data-state") == "live")
        driver.find_element(By.CSS_SELECTOR, ".top form button").click()
        wait(driver, "signed out", lambda it: it.find_elements(By.ID, "token"))
        driver.get(orders["url"] + "/console/log")
        found["signedOut"] = bool(driver.find_elements(By.ID, "token")) and "Sign out" not in text(driver)
        tell(orders, {"override": {"groups": ["guests"]}})
        enter(driver, orders)
        found["guest"] = refused(driver)
        judge(driver, found, "refused")
        note_console(driver, found)
    except Refused as refusal:
        found["complaints"].append(str(refusal))
    finally:
        driver.quit()
    print(json.dumps(found))


if __name__ == "__main__":
    main()

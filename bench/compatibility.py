"""Two versions at once: a fleet whose agent is of another version than its controller (SLIPWAY_AGENT_BIN). Two releases
are pushed and the second is backed out; each step's report has to arrive.

    compatibility.py [FOLDER]     then an agent of FOLDER goes on with the same state, and takes one release more
"""
import os
import sys

import fleet as fleet_module
from fleet import Fleet, release_folder, version_at, wait_until

PATIENCE = 60


def pushed(fleet, version):
    fleet.slipway("release", "submit", release_folder(fleet.folder, version))
    fleet.slipway("push", f"web-service@{version}", "--all")
    state = fleet.last_rollout()["state"]
    if state != "succeeded":
        raise SystemExit(f"the rollout of {version} is {state}, not succeeded")
    fleet.everyone_answers(version)
    print(f"  {version} was pushed, proved healthy and reported")


def main():
    fleet = Fleet(1)
    try:
        pushed(fleet, "1.0")
        pushed(fleet, "2.0")
        # It waits for the end, and 7 says that something was backed out.
        fleet.slipway("rollout", "back-out", fleet.last_rollout()["id"], "--reason", "compatibility", "--yes", expected=7)
        wait_until("the host is back", lambda: version_at(fleet.ports[0]) == "1.0", PATIENCE)
        wait_until("the back-out is reported", lambda: fleet.last_rollout()["state"] == "backedOut", PATIENCE)
        print("  2.0 was backed out and reported")
        if len(sys.argv) > 1:
            fleet.agents[0].terminate()
            fleet.agents[0].wait()
            fleet_module.AGENT_BIN = sys.argv[1]
            fleet.agents[0] = fleet.start("slipway-agent", "run", "--dir", os.path.join(fleet.folder, "agent-0"))
            wait_until("the other agent is online", lambda: fleet.online() == 1, PATIENCE)
            pushed(fleet, "3.0")
    finally:
        fleet.close()


if __name__ == "__main__":
    main()

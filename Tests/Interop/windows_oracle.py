"""What Python's zoneinfo says about daily windows around clock changes, for Tests/ReleaseDefinitionTests/Windows.

    windows_oracle.py YEARS ZONE …        as 2020-2040 Europe/Berlin

For each zone and each day on which its clock is changed, and the days before and after: the moment, in seconds since 1970,
at which each of 24 daily windows opens. A time that comes twice counts once, the first; one that does not exist moves to the
next minute that does. Lines: ZONE, the day, the 24 moments."""
import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

UTC = timezone.utc


def moment(zone, naive):
    """Every minute is tried until one exists."""
    while True:
        there = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if there.astimezone(zone).replace(tzinfo=None) == naive:
            return int(there.timestamp())
        naive += timedelta(minutes=1)


def change_days(zone, first, last):
    days = set()
    at = datetime(first, 1, 1, tzinfo=UTC)
    end = datetime(last + 1, 1, 1, tzinfo=UTC)
    offset = at.astimezone(zone).utcoffset()
    while at < end:
        at += timedelta(hours=6)
        now = at.astimezone(zone).utcoffset()
        if now != offset:
            days.add(at.astimezone(zone).date())
        offset = now
    return days


def main():
    first, last = map(int, sys.argv[1].split("-"))
    for name in sys.argv[2:]:
        zone = ZoneInfo(name)
        days = change_days(zone, first, last) or {date(first, 7, 1)}
        for day in sorted({day + timedelta(days=near) for day in days for near in (-1, 0, 1)}):
            moments = [
                moment(zone, datetime(day.year, day.month, day.day, hour, 0 if hour % 2 else 30)) for hour in range(24)]
            print(name, day, *moments)


main()

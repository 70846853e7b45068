"""The truth about the demo's week, worked out by hand in the comments."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from service.simulator import Scenario
from service.simulator.behaviour import Whereabouts, bed_scene, whereabouts
from service.simulator.schedule import checks, pauses, shots
from service.simulator.truth import Presence, bed_truths, check_truths, expected_findings

# Seven days of three checks: 21. Per admission (checks at 09:30, 15:30, 01:30 from Monday 06:00 to Monday 06:00):
#   A1001, A1004            21 each, less one unobserved (W1-C1 dead over the night check of day five)     20 present
#   A1002                   2 days of leave x 2 checks; the dead camera takes one                          16 present
#   A1003                   7 nights at home, one of them unobserved: 6 absent; 14 days                    14 present
#   A1005                   never there                                                                    21 absent
#   A1006, A1008            21 present each
#   A1007                   left on day two at 18:10: 3 checks and 2; then 16                  5 present, 16 absent
#   A2001                   theatre at one check, imaging at one, covered at one (day six 15:30)           18 present
#   A2002                   somebody else; covered at one                                                  20 impostor
#   A2003                   moved away before the camera was covered                                       21 present
#   A2004                   discharged on day four 10:45: 3 + 3 + 3 + 1                                    10 present
#   A2005, A2007, A2008     21 present each
#   A2009                   admitted on day five 08:45: 09:30 in grace, then 15:30, 01:30, two more days;
#                           the covered one                                                                7 present
PRESENT = 20 + 20 + 16 + 14 + 21 + 21 + 5 + 18 + 21 + 10 + 21 + 21 + 21 + 7


def test_the_weeks_checks_are_as_worked_out_by_hand(demo_week: Scenario) -> None:
    counted = Counter(truth.presence for truth in check_truths(demo_week))

    assert counted == {
        Presence.PRESENT: PRESENT,
        Presence.ABSENT: 6 + 21 + 16,
        Presence.IMPOSTOR: 20,
        Presence.ON_LEAVE: 4,
        Presence.OFF_WARD: 2,
        Presence.IN_GRACE: 1,
        Presence.UNOBSERVED: 3 + 2,
        Presence.UNOBSERVED_ABSENT: 1,  # A1003 is away while the camera of ward 1 is covered
        Presence.UNOBSERVED_IMPOSTOR: 1,  # and somebody lies in for A2002 in ward 2
    }


def test_every_patient_states_what_is_expected_and_most_are_honest(demo_week: Scenario) -> None:
    assert [(item.admission_no, item.rule) for item in expected_findings(demo_week)] == [
        ("A1003", "phantom_admission"),
        ("A1005", "ghost_admission"),
        ("A1007", "phantom_admission"),
        ("A2002", "impersonation"),
    ]
    assert sum(story.honest for story in demo_week.patients) == 12


def test_a_dead_camera_takes_no_pictures_and_a_cut_network_takes_all_of_them(demo_week: Scenario) -> None:
    plan = shots(demo_week)
    dead = next(item for item in demo_week.disturbances if item.kind == "dead")
    cut = next(item for item in demo_week.disturbances if item.kind == "network_cut")

    assert not [shot for shot in plan if shot.camera == dead.camera and dead.interval.contains(shot.at)]
    # 12:00 to 17:00 every hour are 6, and three more in the window of 15:30, whose end is 16:00.
    assert len([shot for shot in plan if shot.camera == cut.camera and cut.interval.contains(shot.at)]) == 9


def test_a_covered_lens_makes_its_beds_unobserved(demo_week: Scenario) -> None:
    covered = next(shot for shot in shots(demo_week) if shot.covered)

    assert {truth.state for truth in bed_truths(demo_week, covered)} == {"unobserved"}


def test_pictures_are_denser_in_the_windows_of_checks(demo_week: Scenario) -> None:
    first = checks(demo_week)[0]
    inside = [shot.at for shot in shots(demo_week) if first.span.start <= shot.at <= first.span.end]

    assert sorted({at - first.due_at for at in inside}) == [timedelta(minutes=10 * k) for k in range(4)]


def test_event_time_never_pauses_on_a_picture(demo_week: Scenario) -> None:
    instants = {shot.at for shot in shots(demo_week)}

    assert not instants.intersection(pauses(demo_week))


def test_who_goes_home_at_night_is_away_over_midnight_and_there_by_day(demo_week: Scenario) -> None:
    story = next(story for story in demo_week.patients if story.admission_no == "A1003")

    def at(text: str) -> Whereabouts:
        return whereabouts(demo_week, story, datetime.fromisoformat(text))

    assert at("2026-03-04T23:30:00+08:00") is Whereabouts.AWAY
    assert at("2026-03-05T03:00:00+08:00") is Whereabouts.AWAY
    assert at("2026-03-05T12:00:00+08:00") is Whereabouts.IN_BED


def test_a_transfer_moves_the_face_to_the_other_bed(demo_week: Scenario) -> None:
    before, after = (datetime.fromisoformat(f"2026-03-05T{clock}:00+08:00") for clock in ("11:00", "11:30"))

    assert bed_scene(demo_week, "W2-03", before).posture.occupied
    assert not bed_scene(demo_week, "W2-06", before).posture.occupied
    assert not bed_scene(demo_week, "W2-03", after).posture.occupied
    assert bed_scene(demo_week, "W2-06", after).posture.occupied

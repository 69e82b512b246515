"""python3 -m unittest discover bench/gpu"""

import json
import tempfile
import unittest
from pathlib import Path

from measure import Contestant, interleave, result
from targets import TARGETS, judge


class Interleaving(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.record = Path(folder.name) / "made" / "record.json"
        self.order = []

    def contestant(self, name: str, fails_at: int | None = None) -> Contestant:
        def run() -> list[float]:
            if len(self.order) == fails_at:
                raise KeyboardInterrupt
            self.order.append(name)
            return [float(len(self.order))]

        return Contestant(name, run)

    def test_takes_turns(self):
        turns = interleave([self.contestant("a"), self.contestant("b")], 2, self.record)
        self.assertEqual(self.order, ["a", "b", "a", "b"])
        self.assertEqual(turns, {"a": [[1.0], [3.0]], "b": [[2.0], [4.0]]})

    def test_goes_on_where_it_was_cut_off(self):
        with self.assertRaises(KeyboardInterrupt):
            interleave([self.contestant("a"), self.contestant("b", fails_at=3)], 2, self.record)
        self.assertEqual(json.loads(self.record.read_text()), {"a": [[1.0], [3.0]], "b": [[2.0]]})
        turns = interleave([self.contestant("a"), self.contestant("b")], 2, self.record)
        self.assertEqual(self.order, ["a", "b", "a", "b"])
        self.assertEqual(turns["b"], [[2.0], [4.0]])


class Results(unittest.TestCase):
    turns = {"ours": [[1.0, 2.0], [3.0]], "theirs": [[4.0]]}

    def test_are_medians_of_all_repetitions(self):
        made = result("speed", "tokens/s", self.turns, "ours", {})
        self.assertEqual((made["value"], made["spread"]), (2.0, 1.0))

    def test_a_ratio_is_above_one_where_we_are_faster(self):
        peers = {"peer": "theirs"}
        self.assertEqual(result("speed", "tokens/s", self.turns, "ours", peers)["ratios"], {"peer": 0.5})
        self.assertEqual(result("time", "ms", self.turns, "ours", peers, lower_is_better=True)["ratios"], {"peer": 2.0})

    def test_a_peer_that_was_not_measured_has_no_ratio(self):
        self.assertEqual(result("speed", "tokens/s", self.turns, "ours", {"peer": "nobody"})["ratios"], {})


class Judging(unittest.TestCase):
    H100 = "NVIDIA H100 80GB HBM3"

    @staticmethod
    def results(decode: float, image: float, memory: float) -> list[dict]:
        figures = [
            ("goldens passed, of 3", 1.0, {}),
            ("decode, Q4_K_M, text", 1.0, {"llama-bench": decode}),
            ("image encode, tiles: 4", image, {"transformers": 1.2}),
            ("memory, Q4_K_M, device", 1.0, {"plan": memory}),
            ("out of memory, then a request (ERR_OUT_OF_MEMORY)", 0.0, {}),
        ]
        return [{"name": name, "value": value, "ratios": ratios} for name, value, ratios in figures]

    def statuses(self, results: list[dict], is_full_size: bool, gpu: str | None) -> list[str]:
        return [row["status"] for row in judge(results, is_full_size, gpu)]

    def test_every_limit_is_kept_or_not(self):
        self.assertEqual(
            self.statuses(self.results(0.98, 60, 1.1), True, self.H100),
            ["pass", "pass", "not measured", "pass", "pass", "pass", "not measured", "fail"],
        )
        self.assertEqual(
            self.statuses(self.results(0.97, 61, 0.89), True, self.H100),
            ["pass", "fail", "not measured", "pass", "fail", "fail", "not measured", "fail"],
        )

    def test_a_limit_for_one_gpu_is_not_held_against_another(self):
        rows = judge(self.results(1, 10, 1), True, "NVIDIA L4")
        self.assertEqual([row["status"] for row in rows if row["name"] == "four-tile encode"], ["not measured"])

    def test_a_tiny_model_or_a_cpu_is_judged_by_what_does_not_depend_on_speed(self):
        for is_full_size, gpu in [(False, self.H100), (True, None)]:
            statuses = self.statuses(self.results(0.1, 900, 2), is_full_size, gpu)
            self.assertEqual(statuses, ["pass"] + ["not measured"] * 6 + ["fail"])

    def test_nothing_measured_is_nothing_passed(self):
        self.assertEqual(self.statuses([], True, self.H100), ["not measured"] * len(TARGETS))


if __name__ == "__main__":
    unittest.main()

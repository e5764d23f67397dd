#!/usr/bin/env python3
"""test_plan.py: `heta plan` says beforehand what `heta attribute` counts afterwards."""
from harness import DONE, FAILED, MODEL, USAGE, Case, main, run

ASK = ["-m", MODEL, "-p", "the cat in the"]
COUNTED = ("forwards", "reverses", "hvps")


class Plan(Case):
    def rows(self, *options):
        return {row["options"]: row
                for row in self.expect(DONE, run("plan", *ASK, "--format", "json", *options)).json}

    def test_counts_are_those_of_the_job(self):
        planned = self.rows()
        few = planned.pop("-a heta --layers 4")
        self.assertIn("this model has 3 layers", few["problem"])
        for label, row in planned.items():
            with self.subTest(label):
                self.assertIsNone(row["problem"])
                done = self.expect(DONE, run("attribute", *ASK, "--format", "json",
                                             *label.split())).json
                cost = done["attributions"][0]["cost"]
                for key in COUNTED:
                    if row["at_most"]:
                        self.assertLessEqual(cost[key], row[key])
                    else:
                        self.assertEqual(cost[key], row[key], key)
        self.assertEqual([label for label, row in planned.items() if row["at_most"]],
                         ["-a heta --estimator sketch --probes auto", "-a heta --fast"])

    def test_own_options_count_and_are_overruled_by_name(self):
        rows = self.rows("--probes", 20, "--curvature", "row")
        self.assertEqual(rows["-a heta"]["hvps"], 20)
        self.assertEqual(rows["-a heta --curvature row"]["hvps"], 20)
        self.assertIn("--curvature block", rows["-a heta --estimator sketch"]["problem"])
        self.assertEqual(self.rows("-n", 3)["-a heta"]["targets"], 3)

    def test_budgets(self):
        rows = self.rows("--probes", 4, "--max-memory", "2G")
        self.assertLess(rows["-a heta"]["bytes"], 2 * 2**30)

    def test_people_read_it_too(self):
        text = self.expect(DONE, run("plan", *ASK)).out
        self.assertIn("context tokens, 1 target", text)
        self.assertIn("-a heta --estimator sketch --probes auto", text)
        self.assertRegex(text, r"at most .*Hessian")

    def test_a_wrong_question_is_refused_once(self):
        refused = self.refuse(FAILED, "plan", *ASK[:2], "-p", "the", "--target", "")
        self.assertIn("target", refused.err)
        self.refuse(USAGE, "plan", *ASK, "--nonsense", 1)


if __name__ == "__main__":
    main()

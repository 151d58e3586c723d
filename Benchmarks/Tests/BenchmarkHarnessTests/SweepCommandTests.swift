import BenchmarkHarness
import Foundation
import Testing

@Suite(.serialized) struct SweepCommandTests {
    private let small = [
        "sweep", "--lengths", "8,16", "--head-dims", "8", "--heads", "2", "--kv-heads", "1", "--isa", "portable",
    ]

    @Test func filesAppearWhereTheyWereAskedFor() throws {
        let directory = try TemporaryDirectory()
        let outcome = try BuiltCommand.run(
            small + [
                "--masks", "causal", "--threads", "1", "--kernels", "blocked,fused", "--no-plots", "--json",
                "run/x.json",
                "--csv", "x.csv",
            ], in: directory.path)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("f32, B=1 H=2/1 D=8, causal, 1 thread, portable"))
        #expect(!outcome.errors.contains("\r"), "progress without a terminal")
        let document = try SweepDocument.read(path: directory.file("run/x.json"))
        #expect(document.cases.map(\.kernel) == ["blocked", "fused", "blocked", "fused"])
        #expect(document.cases.allSatisfy { $0.repetitions >= 5 && Double($0.repetitions) * $0.maxMs >= 500 })
        #expect(directory.contents() == ["results", "run", "x.csv"])
        #expect(
            directory.contents(of: "results/\(document.machine.folderName)") == [
                "index.html", "peaks.json", "sweep.csv", "sweep.json",
            ])
        #expect(try directory.text("x.csv").split(separator: "\n").count == 5)
    }

    @Test func jsonOnTheStandardOutputIsNothingElse() throws {
        let directory = try TemporaryDirectory()
        let outcome = try BuiltCommand.run(
            ["sweep", "--preset", "vit-b16", "--heads", "1", "--kernels", "fused", "--threads", "1", "--no-plots"]
                + ["--json", "-", "--output", directory.file("out"), "--seed", "7"])
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
        let cases = try #require(object?["cases"] as? [[String: Any]])
        #expect(cases.count == 1 && cases[0]["queryLength"] as? Int == 197)
        #expect(outcome.errors.contains("fused"))
    }

    @Test func missingGnuplotLosesOnlyThePlots() throws {
        let directory = try TemporaryDirectory()
        let outcome = try BuiltCommand.run(
            small + ["--threads", "1", "--kernels", "fused", "--masks", "none", "--output", directory.file("out")],
            environment: ["PATH": directory.path])
        #expect(outcome.exitCode == 0)
        #expect(outcome.errors.contains("gnuplot is not installed; install it with"))
        #expect(directory.contents(of: "out").contains("README.md"))
    }

    @Test func wrongOptionsAreOneSentenceBeforeAnythingRuns() throws {
        let directory = try TemporaryDirectory()
        func expect(_ arguments: [String], _ sentence: String, environment: [String: String] = [:]) throws {
            try BuiltCommand.expectError(
                ["sweep", "--output", directory.file("out")] + arguments, sentence, environment: environment)
        }
        try expect(["--lengths", "128,x"], "--lengths: \"x\" in \"128,x\" should be integers")
        try expect(["--head-dims", "0"], "--head-dims: \"0\" should be integers")
        try expect(["--masks", "windows"], "--masks: \"windows\" should be none, causal, window")
        try expect(["--kernels", "fast"], "--kernels: \"fast\" should be naive, blocked, fused")
        try expect(["--dtypes", "f64"], "--dtypes: \"f64\" should be f32")
        try expect(["--threads", "0"], "--threads: \"0\" should be integers from 1 to 1024, or all")
        try expect(["--isa", "sse"], "--isa: \"sse\" should be among this machine's")
        try expect(["--heads", "3", "--kv-heads", "2"], "should be a multiple of --kv-heads")
        try expect(["--preset", "gpt9"], "--preset: \"gpt9\" should be standard, bert-base")
        try expect([], "CK_ISA", environment: ["CK_ISA": "sse"])
        try expect(["--json", directory.path], "is a directory")
        #expect(directory.contents(of: "out").isEmpty)
    }

    @Test func infoTellsOfTheMachine() throws {
        let outcome = try BuiltCommand.run(["info"], environment: ["OMP_NUM_THREADS": "2"])
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        for word in [
            "usable cores", "chosen instruction set", "portable", "L2 cache", "thread back end", "OMP_NUM_THREADS",
            "CK_ISA", "commit", "Swift", "FMA peak",
        ] { #expect(outcome.output.contains(word), "\(word) is missing") }
        let chosen = try BuiltCommand.run(["info"], environment: ["CK_ISA": "portable"])
        #expect(chosen.output.contains("portable"))
        let wrong = try BuiltCommand.run(["info"], environment: ["CK_ISA": "sse"])
        #expect(wrong.exitCode != 0 && wrong.errors.contains("CK_ISA"))
    }
}

import Foundation
import Testing

@testable import BenchmarkHarness

@Suite struct CompareSelectionTests {
    @Test func familiesHaveTheirCases() {
        #expect(CompareSelection().cases.count == 14 + 14 + 1 + 2 + 2 + 1 + 1 + 3)
        let causal = CompareSelection(families: [.causal], lengths: [9], headDims: [8]).cases
        #expect(causal == [CompareCase(AttentionShape(queryLength: 9, headDim: 8), .causal)])
        #expect(causal[0].flops == 4 * 8 * 45 * 8 && causal[0].text == "B1 H8 S9 D8 causal")
        let decode = CompareSelection(families: [.decode], quick: true).cases
        #expect(decode.map(\.text) == ["B1 H32/8 S1x1024 D128"])
        #expect(decode[0].keyValueBytes == 4 * 8 * 1024 * 256)
    }
}

/// The verb with peers that the tests write: small programs on the real protocol.
@Suite(.serialized, .enabled(if: CommandLineTool.find("python3") != nil, "peers are Python programs"))
struct CompareCommandTests {
    private let directory: TemporaryDirectory
    private static let protocolFolder = PeerCatalog().programs

    init() throws {
        directory = try TemporaryDirectory()
        for name in ["programs", "scratch"] {
            try FileManager.default.createDirectory(
                atPath: directory.file(name), withIntermediateDirectories: true)
        }
    }

    /// Writes the program of a peer and its environment, whose Python is the system's.
    private func peer(_ name: String, isSetUp: Bool = true, _ program: String) throws {
        let text = "import sys\nsys.path.insert(0, \"\(Self.protocolFolder)\")\n" + program
        try text.write(
            toFile: directory.file("programs/\(name)_peer.py"), atomically: true, encoding: .utf8)
        let bin = directory.file("environments/\(name)/bin")
        try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
        let python = try #require(CommandLineTool.find("python3"))
        try FileManager.default.createSymbolicLink(atPath: bin + "/python", withDestinationPath: python)
        if isSetUp { try Data().write(to: URL(fileURLWithPath: directory.file("environments/\(name)/complete"))) }
    }

    /// A peer that computes attention in plain Python, with an error if one is wanted.
    private func plainPeer(error: Double = 0, before: String = "") -> String {
        """
        import array, math, os
        from peer_protocol import Refused, serve

        def numbers(case, name):
            data = array.array("f")
            data.frombytes(open(case._tensors[name]["path"], "rb").read())
            return data

        def make_peer(threads):
            def prepare(case):
                \(before.isEmpty ? "pass" : before)
                case.refuse_other_than(grouped=False, bias=False)
                q, k, v = (numbers(case, name) for name in "qkv")
                visible = open(case._tensors["mask"]["path"], "rb").read() if case.has("mask") else None
                n, m, d = case.query_length, case.key_length, case.head_dim

                def run():
                    out = array.array("f")
                    for h in range(case.batch * case.heads):
                        for i in range(n):
                            at = (h * n + i) * d
                            keys = [j for j in range(m) if (not case.causal or j <= i + m - n) and (visible is None or visible[j])]
                            scores = [case.scale * sum(q[at + c] * k[(h * m + j) * d + c] for c in range(d)) for j in keys]
                            top = max(scores)
                            weights = [math.exp(s - top) for s in scores]
                            total = sum(weights)
                            out.extend(sum(w * v[(h * m + j) * d + c] for w, j in zip(weights, keys)) / total + \(error)
                                       for c in range(d))
                    return out
                return run, lambda out: out
            return {"plain": "1.0", "threads": os.environ["OMP_NUM_THREADS"]}, {"loop": prepare}

        print("frameworks print what they like")
        serve(make_peer)
        """
    }

    private func compare(_ peers: String, _ arguments: [String]) throws -> (CompareDocument, BuiltCommand.Outcome) {
        let outcome = try BuiltCommand.run(
            ["compare", "--peers", peers, "--quick", "--json", directory.file("x.json"), "--threads", "1"]
                + ["--peer-programs", directory.file("programs"), "--output", directory.file("results")] + arguments,
            environment: [
                "ATTENTION_KERNELS_PEERS": directory.file("environments"), "TMPDIR": directory.file("scratch"),
            ])
        try #require(outcome.exitCode == 0, "peers never fail a run: \(outcome.errors)")
        let data = try Data(contentsOf: URL(fileURLWithPath: directory.file("x.json")))
        return (try JSONDecoder().decode(CompareDocument.self, from: data), outcome)
    }

    @Test func peersAreCheckedAndCompared() throws {
        try peer("plain", plainPeer())
        let (document, outcome) = try compare(
            "plain", ["--cases", "full,causal", "--lengths", "6", "--head-dims", "4"])
        #expect(document.peers.map(\.version) == ["plain 1.0, threads 1"])
        #expect(document.cases.map(\.mask) == [.none, .causal])
        for result in document.cases {
            let (ours, peer) = (try #require(result.entries.first), try #require(result.entries.last))
            #expect(ours.contestant == "AttentionKernels" && peer.contestant == "plain loop")
            #expect(ours.problem == nil && peer.problem == nil)
            #expect(try #require(ours.maxError) <= #require(ours.errorBound))
            #expect(try #require(peer.maxError) < 1e-6)
            // Plain Python is slower than anything else, whatever the machine does meanwhile.
            #expect(peer.verdict == .faster && (peer.ratioLow ?? 0) > 1)
            #expect(peer.rounds == 5 && ours.rounds == 5)
        }
        #expect(outcome.output.contains("plain loop") && outcome.output.contains("geometric mean"))
        let folder = "results/\(document.machine.folderName)"
        #expect(directory.contents(of: folder) == ["compare.csv", "compare.json", "compare.md"])
        #expect(try directory.text("\(folder)/compare.csv").split(separator: "\n").count == 1 + 4)
        #expect(directory.contents(of: "scratch").isEmpty, "tensors are left behind")
    }

    @Test func typesAreCasesOfTheirOwn() throws {
        try peer("plain", plainPeer())
        let (document, outcome) = try compare(
            "plain", ["--cases", "full", "--lengths", "6", "--head-dims", "4", "--dtypes", "f32,bf16"])
        #expect(document.cases.map(\.dtype) == [.f32, .bf16])
        #expect(document.cases[0].entries[1].problem == nil)
        // The plain peer reads every file as f32: what it makes of bf16 is refused or wrong, never timed.
        #expect(document.cases[1].entries[1].problem != nil && document.cases[1].entries[0].problem == nil)
        #expect(outcome.output.contains("f32, 1 thread, ") && outcome.output.contains("bf16, 1 thread, "))
        #expect(document.cases.allSatisfy { $0.noise != nil && ($0.readBoundGBs ?? 0) > 0 })
    }

    @Test func anInterruptedComparisonIsGoneOnFrom() throws {
        try peer("plain", plainPeer())
        let partial = PartialRun.path("compare", in: directory.file("results"))
        let arguments = [
            "compare", "--peers", "plain", "--quick", "--threads", "1", "--cases", "full", "--lengths", "2,3,4,5",
            "--head-dims", "4", "--peer-programs", directory.file("programs"), "--output", directory.file("results"),
        ]
        let environment = [
            "ATTENTION_KERNELS_PEERS": directory.file("environments"), "TMPDIR": directory.file("scratch"),
        ]
        let interrupted = try BuiltCommand.run(
            arguments, environment: environment, interruptWhen: { FileManager.default.fileExists(atPath: partial) })
        #expect(interrupted.exitCode == 130, "\(interrupted.errors)")
        let kept = try CompareDocument.read(path: partial)
        #expect(!kept.isComplete && (1..<4).contains(kept.cases.count))
        let resumed = try BuiltCommand.run(arguments + ["--resume"], environment: environment)
        #expect(resumed.exitCode == 0, "\(resumed.errors)")
        let folder = "results/\(kept.machine.folderName)"
        let whole = try CompareDocument.read(path: directory.file("\(folder)/compare.json"))
        #expect(whole.isComplete && whole.cases.map(\.keyLength) == [2, 3, 4, 5])
        #expect(
            whole.cases.prefix(kept.cases.count).map(\.entries[1].medianMs) == kept.cases.map(\.entries[1].medianMs))
        #expect(directory.contents(of: folder) == ["compare.csv", "compare.json", "compare.md"])
        #expect(directory.contents(of: "scratch").isEmpty, "tensors are left behind")
    }

    @Test func peersThatCannotAreRowsWithAReason() throws {
        try peer("unset", isSetUp: false, plainPeer())
        try peer("wrong", plainPeer(error: 0.01))
        try peer("refusing", plainPeer(before: "raise Refused(\"not on a Sunday\")"))
        try peer("failing", plainPeer(before: "raise ValueError(\"a bug\")"))
        try peer("broken", "raise ImportError(\"no such framework\")\n")
        try peer("talking", "print(\"hello\", flush=True)\nimport time\ntime.sleep(60)\n")
        let (document, outcome) = try compare(
            "unset,wrong,refusing,failing,broken,talking",
            ["--cases", "full", "--lengths", "6", "--head-dims", "4"])
        let problems = Dictionary(
            uniqueKeysWithValues: document.cases[0].entries.map { ($0.contestant, $0.problem ?? "none") })
        #expect(problems["AttentionKernels"] == "none")
        #expect(problems["unset"] == "it is not set up; run Benchmarks/peers/setup unset")
        #expect(problems["wrong loop"]?.hasPrefix("its result is wrong: the error is 1.0e-02, allowed are") == true)
        #expect(problems["refusing loop"] == "it refuses: not on a Sunday")
        #expect(problems["failing loop"] == "it refuses: ValueError: a bug")
        #expect(problems["broken"] == "it ended with exit code 1: ImportError: no such framework")
        #expect(problems["talking"] == "it answered something that is no message: hello")
        #expect(outcome.output.contains("refusing loop: it refuses: not on a Sunday [f32 B1 H8 S6 D4]"))
    }

    @Test func hangingPeersAreEndedAndStartedAgain() throws {
        try peer("hanging", plainPeer(before: "import time; time.sleep(600 if case.causal else 0)"))
        try peer("crashing", plainPeer(before: "os.abort() if case.causal else None"))
        let (document, _) = try compare(
            "hanging,crashing",
            ["--cases", "causal,padding,gqa", "--lengths", "6", "--head-dims", "4", "--time-limit", "3"])
        func problem(_ mask: SweepMask, _ name: String) -> String? {
            document.cases.first { $0.mask == mask }?.entries.first { $0.contestant == name }?.problem
        }
        #expect(problem(.causal, "hanging loop") == "it did not answer within 3.00 s and was ended")
        #expect(problem(.causal, "crashing loop")?.hasPrefix("it ended by signal 6") == true)
        #expect(document.cases.count == 3 && document.cases.allSatisfy { $0.entries.count == 3 })
    }

    @Test func lostPeersAreNotStartedForEver() throws {
        try peer("crashing", plainPeer(before: "os.abort()"))
        let (document, _) = try compare(
            "crashing", ["--cases", "full", "--lengths", "2,3,4,5,6,7", "--head-dims", "4"])
        let problems = document.cases.map { $0.entries.last?.problem ?? "" }
        #expect(problems.prefix(4).allSatisfy { $0.hasPrefix("it ended by signal 6") })
        #expect(
            problems.suffix(2) == [
                "it was lost 4 times and is not started again", "it was lost 4 times and is not started again",
            ])
    }

    @Test func variantsSetTheirVariables() throws {
        try peer(
            "plain", plainPeer().replacingOccurrences(of: "\"plain\": \"1.0\"", with: "\"plain\": os.environ[\"X\"]"))
        let variants = directory.file("environments/plain/variants")
        try FileManager.default.createDirectory(atPath: variants, withIntermediateDirectories: true)
        try "X=a=b\n".write(toFile: variants + "/special", atomically: true, encoding: .utf8)
        let (document, _) = try compare(
            "plain+special,plain+none", ["--cases", "full", "--lengths", "4", "--head-dims", "4"])
        #expect(document.peers[0].version == "plain a=b, threads 1")
        #expect(document.peers[1].problem == "plain has no variant none on this machine")
        #expect(
            document.cases[0].entries.map(\.contestant) == ["AttentionKernels", "plain+special loop", "plain+none"])
    }

    @Test func wrongOptionsAreOneSentence() throws {
        try BuiltCommand.expectError(["compare", "--cases", "square"], "--cases: \"square\" should be full, causal")
        try BuiltCommand.expectError(["compare", "--lengths", "x"], "--lengths: \"x\" should be integers")
        try BuiltCommand.expectError(
            ["compare", "--peers", "onnxruntime,nobody"], "--peers: \"nobody\" should be among jax, onnxruntime")
        try BuiltCommand.expectError(["compare", "--threads", "1,2"], "should name one value each here")
    }
}

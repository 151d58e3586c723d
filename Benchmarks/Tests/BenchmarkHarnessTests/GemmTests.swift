import AttentionKernels
import Foundation
import Testing

@testable import BenchmarkHarness

@Suite struct GemmShapeTests {
    @Test func sizesAndFamiliesAreRead() throws {
        let shapes = try GemmShapes.parse("2x3x4,skinny")
        #expect(shapes.prefix(2) == [GemmShape(2, 3, 4), GemmShape(2, 3, 4, transposeB: true)])
        #expect(shapes.count == 2 + 8)
        #expect(shapes[0].flops == 48 && shapes[1].text == "2x3x4 B^T")
        #expect(try GemmShapes.parse("64x64x64,squares").count == 20, "a shape named twice is measured once")
        #expect(try GemmShapes.parse("all").count == 50)
        #expect(try GemmShapes.parse("all", quick: true).allSatisfy { $0.flops <= 1e9 })
    }

    @Test(arguments: ["", "1x2", "1x2x0", "1x2x3x4", "axbxc", "cubes", "1x2x3,"])
    func wrongShapesAreNamed(text: String) {
        #expect(throws: HarnessError.self) { try GemmShapes.parse(text) }
    }
}

/// The verb, run as a user runs it, with libraries that the tests compile.
@Suite(.serialized) struct GemmCommandTests {
    private static let compiler = CommandLineTool.find("cc") ?? CommandLineTool.find("clang")

    /// A CBLAS library that adds `offset` to every element of the product.
    private func library(_ directory: TemporaryDirectory, _ name: String, offset: Int, threads: Bool = true) throws
        -> String
    {
        let source = """
            void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                             const float *b, int ldb, float beta, float *c, int ldc) {
                for (int i = 0; i < m; ++i)
                    for (int j = 0; j < n; ++j) {
                        float sum = \(offset);
                        for (int p = 0; p < k; ++p) sum += a[i * lda + p] * (tb == 112 ? b[j * ldb + p] : b[p * ldb + j]);
                        c[i * ldc + j] = alpha * sum;
                    }
            }
            char *openblas_get_config(void) { return "OpenBLAS \(name) of the tests"; }
            \(threads ? "void openblas_set_num_threads(int count) {}" : "")
            """
        let (file, library) = (directory.file("\(name).c"), directory.file("lib\(name).so"))
        try source.write(toFile: file, atomically: true, encoding: .utf8)
        let compiler = try #require(Self.compiler)
        let outcome = try CommandLineTool.run(compiler, ["-shared", "-fPIC", "-O1", "-o", library, file])
        try #require(outcome.exitCode == 0, "\(outcome.errors)")
        return library
    }

    private func document(_ directory: TemporaryDirectory) throws -> GemmDocument {
        let data = try Data(contentsOf: URL(fileURLWithPath: directory.file("x.json")))
        return try JSONDecoder().decode(GemmDocument.self, from: data)
    }

    @Test func everyProductIsCheckedAndTimed() throws {
        let directory = try TemporaryDirectory()
        let outcome = try BuiltCommand.run(
            [
                "gemm", "--quick", "--shapes", "7x5x3,16x16x16", "--json", "x.json", "--csv", "x.csv", "--threads",
                "1,2",
            ],
            in: directory.path)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("f32, 1 thread, ") && outcome.output.contains("7x5x3"))
        #expect(outcome.errors.isEmpty)
        let document = try document(directory)
        #expect(document.cases.map(\.b) == ["B", "B", "B^T", "B^T", "B", "B", "B^T", "B^T"])
        #expect(document.cases.map(\.threads) == [1, 2, 1, 2, 1, 2, 1, 2])
        #expect(document.peers.isEmpty)
        for result in document.cases {
            let entry = try #require(result.entries.first)
            #expect(result.entries.count == 1 && entry.contestant == "AttentionKernels" && entry.rounds == 5)
            let (median, error) = (try #require(entry.medianMs), try #require(entry.maxError))
            #expect(median > 0 && error <= (entry.errorBound ?? 0) && entry.problem == nil)
            #expect(try #require(entry.percentOfRoof) > 0)
            #expect(try #require(result.readOfB) > 0 && result.peakGflops > 0)
        }
        let folder = "results/\(document.machine.folderName)"
        #expect(directory.contents(of: folder) == ["gemm.csv", "gemm.json", "gemm.md"])
        #expect(try directory.text("x.csv").split(separator: "\n").count == 1 + 8)
        #expect(try directory.text("\(folder)/gemm.md").contains("| 7x5x3 | B |"))
    }

    @Test(.enabled(if: compiler != nil, "a C compiler makes the libraries"))
    func peersAreCheckedComparedAndExplained() throws {
        let directory = try TemporaryDirectory()
        let paths = [
            try library(directory, "right", offset: 0), try library(directory, "wrong", offset: 1),
            try library(directory, "fixed", offset: 0, threads: false), directory.file("missing.so"),
        ]
        let outcome = try BuiltCommand.run(
            ["gemm", "--quick", "--shapes", "40x30x20", "--json", "x.json", "--threads", "1"]
                + ["--peer-cblas", paths.joined(separator: ","), "--peer-onednn", paths[0]],
            in: directory.path)
        #expect(outcome.exitCode == 0, "peers never fail a run: \(outcome.errors)")
        let document = try document(directory)
        #expect(document.peers.map { $0.problem == nil } == [true, true, true, false, false])
        #expect(document.peers[0].version == "OpenBLAS right")
        #expect(document.peers[3].problem?.contains("missing.so") == true)
        #expect(document.peers[4].problem == "libright.so has no function dnnl_sgemm: it should be oneDNN's library")
        for result in document.cases {
            let entries = result.entries
            #expect(Set(entries.map(\.contestant)).count == 6)
            #expect(try #require(entries[1].ratio) > 0 && entries[1].verdict != nil && entries[1].problem == nil)
            #expect(try #require(entries[1].ratioLow) <= #require(entries[1].ratioHigh))
            #expect(entries[2].problem?.hasPrefix("its result is wrong: the error is") == true)
            #expect(entries[2].medianMs == nil && entries[2].ratio == nil)
            #expect(entries[3].problem?.hasPrefix("its number of threads cannot be set") == true)
            #expect(entries[4].problem?.hasPrefix("it cannot be opened: ") == true)
        }
        #expect(outcome.output.contains("wrong: its result is wrong") || outcome.output.contains("its result is wrong"))
        #expect(outcome.output.contains("geometric mean"))
    }

    @Test func everyTypeIsCheckedUnderItsOwnRoof() throws {
        let directory = try TemporaryDirectory()
        let outcome = try BuiltCommand.run(
            [
                "gemm", "--quick", "--shapes", "1x33x64,16x16x16", "--dtypes", "all", "--packed", "--json", "x.json",
                "--threads", "1",
            ], in: directory.path)
        #expect(outcome.exitCode == 0, "\(outcome.errors)")
        let document = try document(directory)
        // Blocks of 32 have no place in a K of 16, and are measured as files hold them alone.
        #expect(document.cases.count == 4 * 4 + 3)
        #expect(document.cases.filter(\.dtype.isQuantised).allSatisfy { $0.b == "B^T" && $0.k == 64 })
        for result in document.cases {
            #expect(result.entries.map(\.contestant) == ["AttentionKernels", "packed B"])
            #expect(result.entries.allSatisfy { $0.problem == nil && $0.medianMs != nil }, "\(result.entries)")
            #expect(try #require(result.readBoundGBs) > 0 && result.noise != nil)
        }
        let isa = try InstructionSet.resolved()
        for result in document.cases where result.dtype == .i8 || result.dtype == .bf16 {
            #expect(result.peakQuantity == result.dtype.quantity(isa).rawValue)
        }
    }

    @Test func anInterruptedRunIsGoneOnFrom() throws {
        let directory = try TemporaryDirectory()
        let gemm = [
            "gemm", "--quick", "--shapes", "8x8x8,9x9x9,10x10x10,11x11x11", "--threads", "1", "--isa", "portable",
        ]
        let partial = PartialRun.path("gemm", in: directory.file("results"))
        let interrupted = try BuiltCommand.run(
            gemm, in: directory.path, interruptWhen: { FileManager.default.fileExists(atPath: partial) })
        #expect(interrupted.exitCode == 130 && interrupted.output.contains("with --resume goes on from there"))
        let kept = try GemmDocument.read(path: partial)
        #expect(!kept.isComplete && (1..<8).contains(kept.cases.count))
        #expect(directory.contents(of: "results/\(kept.machine.folderName)") == ["gemm.partial.json"])
        let other = try BuiltCommand.run(gemm + ["--resume", "--seed", "9"], in: directory.path)
        #expect(other.exitCode != 0 && other.errors.contains("it should be with peers none, portable, seed 9, quick"))
        let resumed = try BuiltCommand.run(gemm + ["--resume"], in: directory.path)
        #expect(resumed.exitCode == 0, "\(resumed.errors)")
        let folder = "results/\(kept.machine.folderName)"
        let whole = try GemmDocument.read(path: directory.file("\(folder)/gemm.json"))
        #expect(whole.isComplete && whole.cases.count == 8)
        #expect(
            whole.cases.prefix(kept.cases.count).map(\.entries[0].medianMs) == kept.cases.map(\.entries[0].medianMs))
        #expect(directory.contents(of: folder) == ["gemm.csv", "gemm.json", "gemm.md"])
        let again = try BuiltCommand.run(gemm + ["--resume"], in: directory.path)
        #expect(again.exitCode != 0 && again.errors.contains("there is no interrupted comparison of products"))
    }

    @Test func wrongOptionsAreOneSentence() throws {
        try BuiltCommand.expectError(
            ["gemm", "--dtypes", "f64"], "--dtypes: \"f64\" should be f32, bf16, f16, i8, q8_0")
        try BuiltCommand.expectError(["gemm", "--shapes", "1x2"], "--shapes: \"1x2\" should be sizes as MxNxK")
        try BuiltCommand.expectError(["gemm", "--isa", "sse"], "--isa: \"sse\" should be among this machine's")
        try BuiltCommand.expectError(["gemm", "--threads", "x"], "--threads: \"x\" should be integers")
        try BuiltCommand.expectError(["gemm", "--json", "/"], "is a directory")
    }
}

// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that whoever depends on AttentionKernels neither resolves nor builds what
// only the harness needs.
let package = Package(
    name: "AttentionBenchmarks",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "attention-bench", targets: ["attention-bench"]),
        .executable(name: "transformer", targets: ["transformer"]),
    ],
    dependencies: [
        // By name: the clone's folder may be called anything.
        .package(name: "AttentionKernels", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .target(
            name: "BenchmarkHarness",
            dependencies: [
                .product(name: "AttentionKernels", package: "AttentionKernels"),
                .product(name: "CKernels", package: "AttentionKernels"),
                .product(name: "Safetensors", package: "AttentionKernels"),
                .product(name: "ONNXOperators", package: "AttentionKernels"),
            ]),
        .executableTarget(
            name: "attention-bench",
            dependencies: [
                "BenchmarkHarness",
                .product(name: "AttentionKernels", package: "AttentionKernels"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        // What the commands of `transformer` do; maps and files are the harness's.
        .target(
            name: "ModelTools",
            dependencies: [
                "BenchmarkHarness",
                .product(name: "AttentionKernels", package: "AttentionKernels"),
                .product(name: "PretrainedModels", package: "AttentionKernels"),
                .product(name: "Safetensors", package: "AttentionKernels"),
                .product(name: "Tokenizers", package: "AttentionKernels"),
                .product(name: "Transformer", package: "AttentionKernels"),
            ]),
        .executableTarget(
            name: "transformer",
            dependencies: [
                "BenchmarkHarness", "ModelTools",
                .product(name: "AttentionKernels", package: "AttentionKernels"),
                .product(name: "Transformer", package: "AttentionKernels"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .testTarget(
            name: "ModelToolsTests",
            dependencies: [
                "ModelTools", "transformer", "BenchmarkHarness",
                .product(name: "AttentionKernels", package: "AttentionKernels"),
                .product(name: "Safetensors", package: "AttentionKernels"),
            ]),
        .testTarget(
            name: "BenchmarkHarnessTests",
            dependencies: [
                "BenchmarkHarness", "attention-bench",
                .product(name: "AttentionKernels", package: "AttentionKernels"),
                .product(name: "Safetensors", package: "AttentionKernels"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)

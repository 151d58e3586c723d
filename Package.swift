// swift-tools-version: 6.2
import PackageDescription

// OpenMP is the thread back end. Set ATTENTION_KERNELS_PTHREADS=1 to build on POSIX threads instead,
// where libomp is absent or a second copy of it must not be linked.
let usesPOSIXThreads = Context.environment["ATTENTION_KERNELS_PTHREADS"] == "1"

// The kernels are optimised in debug builds too: an unoptimised microkernel is of no use to anyone.
// No -march: ISAs are chosen at run time, and each is compiled in its own file by attribute.
var cSettings: [CSetting] = [
    .unsafeFlags(["-std=c17", "-O3", "-fno-math-errno", "-ffp-contract=off", "-Wall", "-Wextra"])
]
// Our own runs treat warnings as errors; a consumer's newer compiler may know warnings that we do not.
if Context.environment["ATTENTION_KERNELS_STRICT"] == "1" { cSettings.append(.unsafeFlags(["-Werror"])) }

// Named for programs that are all C: Swift's own programs link it anyway.
var linkerSettings: [LinkerSetting] = [.linkedLibrary("m", .when(platforms: [.linux]))]
if usesPOSIXThreads {
    cSettings.append(.define("CK_PTHREADS"))
    linkerSettings.append(.linkedLibrary("pthread", .when(platforms: [.linux])))
} else {
    cSettings += [
        .unsafeFlags(["-fopenmp"], .when(platforms: [.linux])),
        .unsafeFlags(["-Xclang", "-fopenmp"], .when(platforms: [.macOS])),
    ]
    linkerSettings += [
        .linkedLibrary("omp5", .when(platforms: [.linux])),
        .linkedLibrary("omp", .when(platforms: [.macOS])),
        .unsafeFlags(
            ["-L/opt/homebrew/opt/libomp/lib", "-L/usr/local/opt/libomp/lib"],
            .when(platforms: [.macOS])),
    ]
}

let package = Package(
    name: "AttentionKernels",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "AttentionKernels", targets: ["AttentionKernels"]),
        .library(name: "CKernels", targets: ["CKernels"]),
        .library(name: "Safetensors", targets: ["Safetensors"]),
        .library(name: "GGUF", targets: ["GGUF"]),
        .library(name: "PyTorchCheckpoints", targets: ["PyTorchCheckpoints"]),
        .library(name: "Tokenizers", targets: ["Tokenizers"]),
        .library(name: "PretrainedModels", targets: ["PretrainedModels"]),
        .library(name: "ONNXOperators", targets: ["ONNXOperators"]),
        .library(name: "Transformer", targets: ["Transformer"]),
    ],
    targets: [
        .target(
            name: "CKernels",
            path: "CKernels",
            exclude: ["README.md"],
            publicHeadersPath: "include",
            cSettings: cSettings,
            linkerSettings: linkerSettings),
        // Lifetimes: borrowed inputs and outputs are types that cannot outlive their spans. Users need no flag.
        .target(
            name: "AttentionKernels", dependencies: ["CKernels", "HalfPrecision"],
            swiftSettings: [.enableExperimentalFeature("Lifetimes")]),
        .target(name: "HalfPrecision"),
        // Mapped files, bounded reading and strict JSON, for every reader of a format.
        .target(name: "FileReading"),
        .target(name: "Safetensors", dependencies: ["FileReading", "HalfPrecision"]),
        .target(name: "GGUF", dependencies: ["FileReading", "HalfPrecision"]),
        .target(name: "PyTorchCheckpoints", dependencies: ["FileReading", "HalfPrecision"]),
        .target(name: "Tokenizers", dependencies: ["FileReading"]),
        .target(name: "ONNXOperators", dependencies: ["AttentionKernels"]),
        .target(
            name: "Transformer", dependencies: ["AttentionKernels"],
            swiftSettings: [.enableExperimentalFeature("Lifetimes")]),
        // Where files, tokenizers and models meet.
        .target(
            name: "PretrainedModels",
            dependencies: [
                "AttentionKernels", "FileReading", "GGUF", "PyTorchCheckpoints", "Safetensors", "Tokenizers",
                "Transformer",
            ]),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .target(
            name: "TestSupport", dependencies: ["AttentionKernels", "CKernels"],
            path: "Tests/TestSupport", swiftSettings: [.enableExperimentalFeature("Lifetimes")]),
        .testTarget(
            name: "KernelTests",
            dependencies: ["AttentionKernels", "CKernels", "TestSupport", "AllocationCounter"],
            path: "Tests/KernelTests"),
        .testTarget(
            name: "SafetensorsTests", dependencies: ["Safetensors", "TestSupport"], path: "Tests/SafetensorsTests"),
        .testTarget(
            name: "ModelFileTests",
            dependencies: ["GGUF", "PyTorchCheckpoints", "Tokenizers", "TestSupport"],
            path: "Tests/ModelFileTests", exclude: ["Fixtures"]),
        .testTarget(
            name: "PretrainedModelTests",
            dependencies: ["PretrainedModels", "GGUF", "Safetensors", "Tokenizers", "Transformer", "TestSupport"],
            path: "Tests/PretrainedModelTests"),
        .testTarget(
            name: "ONNXOperatorTests", dependencies: ["ONNXOperators"], path: "Tests/ONNXOperatorTests"),
        .testTarget(
            name: "TransformerTests", dependencies: ["Transformer", "Safetensors", "TestSupport", "AllocationCounter"],
            path: "Tests/TransformerTests"),
    ],
    swiftLanguageModes: [.v6]
)

// swift-tools-version: 6.2
import PackageDescription

// The smallest packages that use the library from Swift, C and C++, by version tag.
let package = Package(
    name: "Consumer",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: Context.environment["ATTENTION_KERNELS_URL"] ?? "", from: "0.0.1")
    ],
    targets: [
        .executableTarget(
            name: "SwiftConsumer", dependencies: [.product(name: "AttentionKernels", package: "attention-kernels")]),
        .executableTarget(
            name: "CConsumer", dependencies: [.product(name: "CKernels", package: "attention-kernels")]),
        .executableTarget(
            name: "CxxConsumer", dependencies: [.product(name: "CKernels", package: "attention-kernels")]),
    ],
    swiftLanguageModes: [.v6]
)

/// The sizes of one product `C = A B`, and how B is stored.
public struct GemmShape: Sendable, Hashable {
    /// The rows of A and C.
    public var m: Int
    /// The columns of B and C.
    public var n: Int
    /// The columns of A and rows of B.
    public var k: Int
    /// Whether B is stored `[n, k]`, as weights of a linear layer and keys of attention are.
    public var transposeB: Bool

    /// A shape.
    public init(_ m: Int, _ n: Int, _ k: Int, transposeB: Bool = false) {
        (self.m, self.n, self.k) = (m, n, k)
        self.transposeB = transposeB
    }

    /// 2 for each multiply-add.
    public var flops: Double { 2 * Double(m) * Double(n) * Double(k) }

    /// `512x64x512 B^T`.
    public var text: String { "\(m)x\(n)x\(k) \(storageText)" }

    /// `B` or `B^T`.
    public var storageText: String { transposeB ? "B^T" : "B" }
}

/// Which products `gemm` measures.
public enum GemmShapes {
    /// A family of sizes that has a name on the command line.
    public enum Family: String, Sendable, CaseIterable {
        /// Equal sides, from what fits in registers' reach to beyond the caches.
        case squares
        /// Scores and weighted sums of attention heads of 64 and 128.
        case attention
        /// Linear layers of Transformers: BERT, Llama, ViT.
        case transformer
        /// Few rows or columns, down to a matrix times a vector.
        case skinny

        /// M, N and K.
        var sizes: [(Int, Int, Int)] {
            switch self {
            case .squares: [32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096].map { ($0, $0, $0) }
            case .attention:
                [
                    (512, 512, 64), (2048, 2048, 64), (512, 64, 512), (2048, 64, 2048), (4096, 64, 4096),
                    (4096, 128, 4096),
                ]
            case .transformer:
                [(128, 768, 768), (128, 3072, 768), (512, 4096, 4096), (2048, 768, 768), (197, 768, 3072)]
            case .skinny: [(4096, 16, 4096), (16, 4096, 4096), (8, 4096, 4096), (1, 4096, 4096)]
            }
        }
    }

    /// Reads `--shapes`: families, or sizes as `MxNxK`, or `all`; each with B and with B transposed.
    ///
    /// - Parameter quick: leaves out products of more than 10^9 operations in families.
    /// - Throws: ``HarnessError`` that shows the element at fault.
    public static func parse(
        _ text: String, option: String = "--shapes", quick: Bool = false
    ) throws(HarnessError) -> [GemmShape] {
        var sizes: [(Int, Int, Int)] = []
        for element in text.split(separator: ",", omittingEmptySubsequences: false) {
            if element == "all" {
                sizes += Family.allCases.flatMap(\.sizes).filter { fits($0, quick) }
            } else if let family = Family(rawValue: String(element)) {
                sizes += family.sizes.filter { fits($0, quick) }
            } else {
                let numbers = element.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
                guard numbers.count == 3, numbers.allSatisfy({ (1...1 << 20).contains($0) }) else {
                    let families = Family.allCases.map(\.rawValue).joined(separator: ", ")
                    throw HarnessError(
                        "\(option): \"\(element)\" should be sizes as MxNxK, one of \(families), or all")
                }
                sizes.append((numbers[0], numbers[1], numbers[2]))
            }
        }
        var seen: Set<GemmShape> = []
        return sizes.flatMap { m, n, k in
            [GemmShape(m, n, k), GemmShape(m, n, k, transposeB: true)].filter { seen.insert($0).inserted }
        }
    }

    private static func fits(_ sizes: (Int, Int, Int), _ quick: Bool) -> Bool {
        !quick || GemmShape(sizes.0, sizes.1, sizes.2).flops <= 1e9
    }
}

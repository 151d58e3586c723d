import AttentionKernels
import CKernels
import TestSupport
import Testing

/// One GEMM problem over guarded buffers of its own, in any arrangement: every gap and surrounding element is a NaN, so
/// that a read outside the matrices shows in the result and a write in the guards.
final class GemmCase {
    struct Size: Sendable, Hashable, CustomTestStringConvertible {
        var m, n, k: Int
        var testDescription: String { "\(m)x\(n)x\(k)" }

        init(_ m: Int, _ n: Int, _ k: Int) { (self.m, self.n, self.k) = (m, n, k) }
    }

    /// How a matrix lies in memory.
    enum Arrangement: String, Sendable, CaseIterable {
        case rows, columns, strided, backwards
        /// One row, or one column, for all of them: inputs only.
        case repeatedRow, repeatedColumn

        func layout(batch: Int, _ rows: Int, _ columns: Int) -> MatrixLayout {
            switch self {
            case .rows:
                return MatrixLayout(batch: batch, rows: rows, columns: columns, rowStride: columns + 3, offset: 2)
            case .columns:
                return MatrixLayout(
                    batch: batch, rows: rows, columns: columns, batchStride: columns * (rows + 2) + 5, rowStride: 1,
                    columnStride: rows + 2, offset: 1)
            case .strided:
                return MatrixLayout(
                    batch: batch, rows: rows, columns: columns, rowStride: 2 * columns + 1, columnStride: 2, offset: 3)
            case .backwards:
                let count = rows * columns
                return MatrixLayout(
                    batch: batch, rows: rows, columns: columns, batchStride: -count, rowStride: -columns,
                    columnStride: -1, offset: max(batch * count - 1, 0))
            case .repeatedRow: return MatrixLayout(batch: batch, rows: rows, columns: columns, rowStride: 0)
            case .repeatedColumn:
                return MatrixLayout(batch: batch, rows: rows, columns: columns, rowStride: 2, columnStride: 0)
            }
        }
    }

    struct Arrangements: Sendable, CustomTestStringConvertible {
        var a, b, c: Arrangement
        var testDescription: String { "\(a.rawValue) \(b.rawValue) \(c.rawValue)" }

        init(_ a: Arrangement, _ b: Arrangement, _ c: Arrangement) { (self.a, self.b, self.c) = (a, b, c) }

        /// All transposes, and every arrangement in every place.
        static let all: [Arrangements] = [
            .init(.rows, .rows, .rows), .init(.rows, .columns, .rows), .init(.columns, .rows, .rows),
            .init(.columns, .columns, .rows), .init(.rows, .rows, .columns), .init(.columns, .columns, .columns),
            .init(.strided, .rows, .strided), .init(.rows, .strided, .rows), .init(.backwards, .backwards, .backwards),
            .init(.repeatedRow, .columns, .rows), .init(.rows, .repeatedColumn, .columns),
            .init(.repeatedColumn, .rows, .rows), .init(.rows, .repeatedRow, .rows),
        ]
    }

    let size: Size
    let batch: Int
    let a: GuardedBuffer
    let b: GuardedBuffer
    let c: GuardedBuffer
    let aLayout: MatrixLayout
    let bLayout: MatrixLayout
    let cLayout: MatrixLayout
    let cPositions: [Int]
    /// What C holds before a call, dense.
    var originalC: [Float]
    var problem = ck_gemm_problem()
    /// The memory that the epilogue and a packed B lie in.
    var owned: [AnyObject] = []

    init(
        _ size: Size, _ arrangements: Arrangements = .all[0], alpha: Float = 1, beta: Float = 0, batch: Int = 1,
        integers: Bool = false, seed: UInt64 = 11
    ) {
        self.size = size
        self.batch = batch
        var random = SeededRandom(seed: seed)
        let numbers = { (count: Int) in integers ? random.smallIntegers(count) : random.normals(count) }
        aLayout = arrangements.a.layout(batch: batch, size.m, size.k)
        bLayout = arrangements.b.layout(batch: batch, size.k, size.n)
        cLayout = arrangements.c.layout(batch: batch, size.m, size.n)
        a = GuardedBuffer(aLayout, numbers(batch * size.m * size.k), misalignment: 1)
        b = GuardedBuffer(bLayout, numbers(batch * size.k * size.n), misalignment: 3)
        originalC = numbers(batch * size.m * size.n)
        c = GuardedBuffer(cLayout, originalC, misalignment: 2)
        cPositions = cLayout.positions
        problem.batch = Int64(batch)
        (problem.m, problem.n, problem.k) = (Int64(size.m), Int64(size.n), Int64(size.k))
        (problem.alpha, problem.beta) = (alpha, beta)
        problem.a = ck_matrix(a, aLayout)
        problem.b = ck_matrix(b, bLayout)
        problem.c = ck_matrix(c, cLayout)
    }

    func restoreC() {
        for (position, element) in zip(cPositions, originalC) { c.start[position] = element }
    }

    /// C of a call on the original C, dense.
    func run(_ kernel: ck_kernel = .CK_FUSED, isa: ck_isa = .CK_ISA_AUTO, threads: Int = 1) throws -> [Float] {
        restoreC()
        var options = ck_options(isa, threads: threads)
        var diagnosis = ck_diagnosis()
        let status = ck_gemm(kernel, &problem, &options, &diagnosis)
        try #require(status == .CK_OK, "\(String(cString: ck_status_text(status))), \(diagnosis)")
        return cPositions.map { c.start[$0] }
    }

    /// The oracle's C, from the original one.
    func oracle() throws -> GemmOracle {
        restoreC()
        return try GemmOracle(problem)
    }

    /// What the call would do.
    func explain(isa: ck_isa = .CK_ISA_AUTO, threads: Int = 1) throws -> ck_gemm_explanation {
        var options = ck_options(isa, threads: threads)
        var explanation = ck_gemm_explanation()
        try #require(ck_gemm_explain(.CK_FUSED, &problem, &options, &explanation, nil) == .CK_OK)
        return explanation
    }

    /// B packed for `isa`, to be read in its place.
    func packB(isa: ck_isa) throws {
        var options = ck_options(isa, threads: 2)
        var byteCount = 0
        try #require(ck_gemm_packed_bytes(&problem, &options, &byteCount, nil) == .CK_OK)
        let packed = GuardedBuffer(count: byteCount / 4)
        try #require(ck_gemm_pack(&problem, &options, packed.start, byteCount, nil) == .CK_OK)
        #expect(packed.isIntact(outside: Array(0..<packed.count)))
        owned.append(packed)
        problem.packed_b = UnsafeRawPointer(packed.start)
        problem.packed_b_bytes = byteCount
    }

    /// An epilogue's vector of normal numbers about `center`.
    func vector(_ count: Int, center: Float, seed: UInt64) -> ck_vector {
        var random = SeededRandom(seed: seed)
        let buffer = GuardedBuffer(count: count)
        for (index, number) in random.normals(count).enumerated() { buffer[index] = center + number }
        owned.append(buffer)
        return ck_vector(data: UnsafePointer(buffer.start), count: Int64(count))
    }

    /// An epilogue's residual of normal numbers.
    func residual(_ arrangement: Arrangement, seed: UInt64) -> ck_matrix {
        var random = SeededRandom(seed: seed)
        let layout = arrangement.layout(batch: batch, size.m, size.n)
        let buffer = GuardedBuffer(layout, random.normals(batch * size.m * size.n), misalignment: 1)
        owned.append(buffer)
        return ck_matrix(buffer, layout)
    }
}

extension ck_matrix {
    init(_ buffer: GuardedBuffer, _ layout: MatrixLayout) {
        self.init(
            data: UnsafeMutableRawPointer(buffer.start), count: Int64(buffer.count), offset: Int64(layout.offset),
            batch_stride: Int64(layout.batchStride), row_stride: Int64(layout.rowStride),
            column_stride: Int64(layout.columnStride), dtype: .CK_F32, pointers: nil)
    }
}

extension ck_options {
    init(_ isa: ck_isa, threads: Int) {
        self = ck_options_default()
        self.isa = isa
        self.threads = Int32(threads)
    }
}

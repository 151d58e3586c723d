import Foundation

private typealias Matrix = UnsafeMutableRawPointer
// CBLAS: order, transposes, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc; sizes of 32 or, in some builds, 64 bits. The
// same of bf16 matrices with a product of f32 has the same arguments.
private typealias CBLAS32 =
    @convention(c) (
        Int32, Int32, Int32, Int32, Int32, Int32, Float, Matrix, Int32, Matrix, Int32, Float, Matrix, Int32
    ) -> Void
private typealias CBLAS64 =
    @convention(c) (
        Int32, Int32, Int32, Int64, Int64, Int64, Float, Matrix, Int64, Matrix, Int64, Float, Matrix, Int64
    ) -> Void
// oneDNN: transposes as letters, row-major.
private typealias OneDNN =
    @convention(c) (
        CChar, CChar, Int64, Int64, Int64, Float, Matrix, Int64, Matrix, Int64, Float, Matrix, Int64
    ) -> Int32
// The same of 8-bit integers: the offset of C as a letter, each matrix with an offset.
private typealias OneDNNInt8 =
    @convention(c) (
        CChar, CChar, CChar, Int64, Int64, Int64, Float, Matrix, Int64, Int8, Matrix, Int64, Int8, Float, Matrix,
        Int64, UnsafePointer<Int32>
    ) -> Int32
private typealias SetThreads = @convention(c) (Int32) -> Void
private typealias SetThreads64 = @convention(c) (Int64) -> Void

// The values of CBLAS's enumerators.
private let rowMajor: Int32 = 101
private let noTranspose: Int32 = 111
private let transpose: Int32 = 112

extension SharedLibrary {
    /// `cblas_sgemm` under the names it has: SciPy's builds of OpenBLAS prefix theirs, and those with 64-bit sizes
    /// append `64_`.
    var cblasCall: GemmCall? {
        if let address = symbol("cblas_sgemm", "scipy_cblas_sgemm") { return Self.cblas32(address) }
        return symbol("cblas_sgemm64_", "scipy_cblas_sgemm64_").map(Self.cblas64)
    }

    /// The product of bf16 matrices into f32: MKL's and OpenBLAS's names.
    var cblasBF16Call: GemmCall? {
        if let address = symbol("cblas_gemm_bf16bf16f32", "cblas_sbgemm", "scipy_cblas_sbgemm") {
            return Self.cblas32(address)
        }
        return symbol("cblas_sbgemm64_", "scipy_cblas_sbgemm64_").map(Self.cblas64)
    }

    private static func cblas32(_ address: UnsafeMutableRawPointer) -> GemmCall {
        let function = unsafeBitCast(address, to: CBLAS32.self)
        return { shape, a, b, c in
            let (m, n, k) = (Int32(shape.m), Int32(shape.n), Int32(shape.k))
            let (transposeB, ldb) = shape.transposeB ? (transpose, k) : (noTranspose, n)
            function(rowMajor, noTranspose, transposeB, m, n, k, 1, a, k, b, ldb, 0, c, n)
            return 0
        }
    }

    private static func cblas64(_ address: UnsafeMutableRawPointer) -> GemmCall {
        let function = unsafeBitCast(address, to: CBLAS64.self)
        return { shape, a, b, c in
            let (m, n, k) = (Int64(shape.m), Int64(shape.n), Int64(shape.k))
            let (transposeB, ldb) = shape.transposeB ? (transpose, k) : (noTranspose, n)
            function(rowMajor, noTranspose, transposeB, m, n, k, 1, a, k, b, ldb, 0, c, n)
            return 0
        }
    }

    /// `dnnl_gemm_s8s8s32`.
    var oneDNNInt8Call: GemmCall? {
        guard let address = symbol("dnnl_gemm_s8s8s32") else { return nil }
        let function = unsafeBitCast(address, to: OneDNNInt8.self)
        let (plain, transposed, fixed) = Self.letters
        return { shape, a, b, c in
            let (m, n, k) = (Int64(shape.m), Int64(shape.n), Int64(shape.k))
            let (transposeB, ldb) = shape.transposeB ? (transposed, k) : (plain, n)
            var offset: Int32 = 0
            return function(plain, transposeB, fixed, m, n, k, 1, a, k, 0, b, ldb, 0, 0, c, n, &offset)
        }
    }

    /// What oneDNN calls a matrix as it is, a transposed one, and one offset for all of C.
    private static let letters = (
        CChar(UInt8(ascii: "N")), CChar(UInt8(ascii: "T")), CChar(UInt8(ascii: "F"))
    )

    /// `dnnl_sgemm`.
    var oneDNNCall: GemmCall? {
        guard let address = symbol("dnnl_sgemm") else { return nil }
        let function = unsafeBitCast(address, to: OneDNN.self)
        let (plain, transposed, _) = Self.letters
        return { shape, a, b, c in
            let (m, n, k) = (Int64(shape.m), Int64(shape.n), Int64(shape.k))
            let (transposeB, ldb) = shape.transposeB ? (transposed, k) : (plain, n)
            return function(plain, transposeB, m, n, k, 1, a, k, b, ldb, 0, c, n)
        }
    }

    /// What sets the number of threads: the library's own function, else that of the OpenMP it is linked to.
    var threadSetter: (@Sendable (Int) -> Void)? {
        let names = [
            "openblas_set_num_threads", "scipy_openblas_set_num_threads", "openblas_set_num_threads64_",
            "scipy_openblas_set_num_threads64_", "MKL_Set_Num_Threads", "omp_set_num_threads",
        ]
        // BLIS takes its own integer type, of 64 bits in most builds; a 32-bit one reads the low half.
        if let address = symbol("bli_thread_set_num_threads") {
            let function = unsafeBitCast(address, to: SetThreads64.self)
            return { function(Int64($0)) }
        }
        for name in names {
            guard let address = symbol(name) else { continue }
            let function = unsafeBitCast(address, to: SetThreads.self)
            return { function(Int32(clamping: $0)) }
        }
        return nil
    }

    /// The name and version of a CBLAS library that tells them.
    var cblasIdentity: (name: String, version: String)? {
        if let config = text("openblas_get_config", "scipy_openblas_get_config", "scipy_openblas_get_config64_") {
            // The configuration is the build's; the core is what was chosen at run time.
            let core = text("openblas_get_corename", "scipy_openblas_get_corename", "scipy_openblas_get_corename64_")
            let version = config.split(separator: " ").prefix(2).joined(separator: " ")
            return ("OpenBLAS", version + (core.map { ", \($0) kernels" } ?? ""))
        }
        if let version = text("bli_info_get_version_str") {
            return (version.hasPrefix("AOCL") ? "AOCL" : "BLIS", version)
        }
        typealias Version = @convention(c) (UnsafeMutablePointer<CChar>, Int32) -> Void
        if let address = symbol("mkl_get_version_string", "MKL_Get_Version_String") {
            var buffer = [CChar](repeating: 0, count: 256)
            unsafeBitCast(address, to: Version.self)(&buffer, Int32(buffer.count - 1))
            let characters = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            return ("MKL", String(decoding: characters, as: UTF8.self).trimmingCharacters(in: .whitespaces))
        }
        return nil
    }

    /// `3.2.0`, from the numbers with which `dnnl_version_t` begins.
    var oneDNNVersion: String? {
        typealias Version = @convention(c) () -> UnsafePointer<Int32>?
        guard let address = symbol("dnnl_version"), let numbers = unsafeBitCast(address, to: Version.self)() else {
            return nil
        }
        return "\(numbers[0]).\(numbers[1]).\(numbers[2])"
    }
}

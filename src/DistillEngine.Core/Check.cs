using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace DistillEngine.Core;

/// <summary>Throw helpers of the op contracts. Messages name the operation, the tensor, what was got and what was expected.</summary>
[StackTraceHidden]
public static class Check
{
    /// <exception cref="ArgumentException">The shape or element type differs.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Shape(in Tensor tensor, Shape expected, string operation, DType type = DType.F32)
    {
        if (tensor.Shape != expected) ThrowShape(tensor, expected, operation);
        if (tensor.DType != type) ThrowType(tensor, type, operation);
    }

    /// <summary>That elements of <typeparamref name="T"/> are as long as the tensor's.</summary>
    /// <exception cref="ArgumentException">Their sizes differ.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ElementSize<T>(in Tensor tensor, string operation) where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() != tensor.DType.SizeInBytes()) ThrowElementSize(tensor, typeof(T).Name, Unsafe.SizeOf<T>(), operation);
    }

    /// <summary>What <see cref="IDevice.Upload{T}"/> asks of its arguments.</summary>
    /// <exception cref="ArgumentException">Element sizes differ, or the tensor has fewer elements.</exception>
    public static void Upload<T>(ReadOnlySpan<T> host, in Tensor destination) where T : unmanaged
    {
        ElementSize<T>(destination, "upload");
        That(host.Length <= destination.Count, "upload", $"at most the {destination.Count} elements of '{destination.Name}', got {host.Length}");
    }

    /// <summary>What <see cref="IDevice.Download{T}"/> asks of its arguments.</summary>
    /// <exception cref="ArgumentException">Element sizes differ, or the host has room for fewer elements.</exception>
    public static void Download<T>(in Tensor source, ReadOnlySpan<T> host) where T : unmanaged
    {
        ElementSize<T>(source, "download");
        That(host.Length >= source.Count, "download", $"room for the {source.Count} elements of '{source.Name}', got {host.Length}");
    }

    /// <exception cref="ArgumentException">The condition is false.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void That([DoesNotReturnIf(false)] bool condition, string operation, string expectation)
    {
        if (!condition) ThrowExpectation(operation, expectation);
    }

    /// <inheritdoc cref="That(bool, string, string)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void That([DoesNotReturnIf(false)] bool condition, string operation,
        [InterpolatedStringHandlerArgument(nameof(condition))] ref CheckMessage expectation)
    {
        if (!condition) ThrowExpectation(operation, expectation.Build());
    }

    /// <param name="name">What the number is.</param>
    /// <exception cref="ArgumentException">The number is negative, infinite or NaN.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AtLeastZero(double value, string operation, string name) =>
        That(double.IsFinite(value) && value >= 0, operation, $"a finite {name} of at least 0, got {value}");

    /// <exception cref="ArgumentException">The rate is not 0 … below 1: a negative one or NaN would drop nothing, 1 would scale by infinity.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void DropoutRate(float rate, string operation) =>
        That(rate is >= 0 and < 1, operation, $"a dropout rate of 0 to below 1, got {rate}");

    [DoesNotReturn]
    public static void ThrowShape(in Tensor tensor, Shape expected, string operation) =>
        throw new ArgumentException($"{operation}: '{tensor.Name}' has shape {tensor.Shape}, expected {expected}.");

    [DoesNotReturn]
    public static void ThrowType(in Tensor tensor, DType expected, string operation) =>
        throw new ArgumentException($"{operation}: '{tensor.Name}' has element type {tensor.DType}, expected {expected}.");

    [DoesNotReturn]
    static void ThrowElementSize(in Tensor tensor, string got, int bytes, string operation) => throw new ArgumentException(
        $"{operation}: '{tensor.Name}' holds {tensor.DType} of {tensor.DType.SizeInBytes()} bytes an element, got {got} of {bytes}.");

    [DoesNotReturn]
    public static void ThrowRows(in Tensor tensor, int start, int count) =>
        throw new ArgumentOutOfRangeException(nameof(start),
            $"'{tensor.Name}' has {tensor.Shape.D0} rows; rows {start} to {(long)start + count - 1} were asked for.");

    [DoesNotReturn]
    public static void ThrowNotHost(in Tensor tensor) =>
        throw new InvalidOperationException($"'{tensor.Name}' is not in host memory; download it first.");

    [DoesNotReturn]
    public static void ThrowDisposed(string purpose) => throw new ObjectDisposedException(purpose);

    [DoesNotReturn]
    static void ThrowExpectation(string operation, string expectation) => throw new ArgumentException($"{operation}: expected {expectation}.");
}

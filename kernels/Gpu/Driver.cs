using System.Linq.Expressions;
using System.Runtime.InteropServices;
using DistillEngine.Core;
using ILGPU;
using ILGPU.Runtime;

namespace DistillEngine.Kernels;

/// <summary>What is asked of the driver of an opened device. Nothing else calls it, so that each of its errors becomes a
/// <see cref="DeviceException"/> that names device and work.</summary>
/// <param name="device">What errors call the device.</param>
sealed class Driver(Accelerator accelerator, string device)
{
    bool _hasFailed;

    /// <summary>Makes the device that of this thread, before any other call.</summary>
    public void Bind()
    {
        try
        {
            accelerator.Bind();
        }
        catch (AcceleratorException e)
        {
            throw Failure("taking it for a thread", e);
        }
    }

    /// <summary>Waits for all that is queued; what went wrong in it shows here.</summary>
    public void Synchronize()
    {
        try
        {
            accelerator.DefaultStream.Synchronize();
        }
        catch (AcceleratorException e)
        {
            throw Failure("the queued work", e);
        }
    }

    /// <exception cref="InsufficientMemoryException">The device has not so much.</exception>
    /// <exception cref="DeviceException">It fails for another reason.</exception>
    public MemoryBuffer Allocate(long bytes, string purpose)
    {
        Bind();
        try
        {
            return accelerator.AllocateRaw(Math.Max(bytes, HostBuffer.Alignment), 1);
        }
        catch (Exception e) when (DriverErrors.IsLackOfMemory(e))
        {
            throw new InsufficientMemoryException($"{purpose}: {bytes:N0} bytes of memory could not be allocated on {device}, which has "
                + $"{accelerator.MemorySize:N0}. {DriverErrors.MemoryHint}", e);
        }
        catch (AcceleratorException e)
        {
            throw Failure($"allocating {bytes:N0} bytes for '{purpose}'", e);
        }
    }

    /// <summary>Memory of the host that copies need no wait for.</summary>
    public PageLockedArray1D<byte> AllocatePinned(int bytes)
    {
        try
        {
            return accelerator.AllocatePageLocked1D<byte>(bytes);
        }
        catch (Exception e) when (e is AcceleratorException or OutOfMemoryException)
        {
            throw Failure($"allocating {bytes:N0} bytes of pinned memory", e);
        }
    }

    /// <summary>Queues zeros.</summary>
    public void Clear(ArrayView<float> view)
    {
        try
        {
            view.MemSetToZero(accelerator.DefaultStream);
        }
        catch (AcceleratorException e)
        {
            throw Failure("clearing memory", e);
        }
    }

    /// <summary>Queues a copy on the device.</summary>
    public void Copy(ArrayView<float> source, ArrayView<float> destination)
    {
        try
        {
            source.CopyTo(accelerator.DefaultStream, destination);
        }
        catch (AcceleratorException e)
        {
            throw Failure("copying its memory", e);
        }
    }

    /// <summary>Queues a copy.</summary>
    /// <param name="host">Pinned, and unchanged until the queue was waited for: the copy keeps the bare address.</param>
    public void Upload(ReadOnlySpan<byte> host, ArrayView<byte> destination)
    {
        try
        {
            destination.CopyFromCPUUnsafeAsync(accelerator.DefaultStream, ref MemoryMarshal.GetReference(host), host.Length);
        }
        catch (AcceleratorException e)
        {
            throw Failure("copying to it", e);
        }
    }

    /// <summary>Queues a copy.</summary>
    /// <param name="host">Pinned until the queue was waited for: the copy keeps the bare address.</param>
    public void Download<T>(ArrayView<T> source, Span<T> host) where T : unmanaged
    {
        try
        {
            source.CopyToCPUUnsafeAsync(accelerator.DefaultStream, ref MemoryMarshal.GetReference(host), source.Length);
        }
        catch (AcceleratorException e)
        {
            throw Failure("copying from it", e);
        }
    }

    /// <summary>A launch whose errors name the kernel. Launches have as many parameters as their kernels, so the code around them is generated.</summary>
    public TLaunch Guard<TLaunch>(string kernel, TLaunch launch) where TLaunch : Delegate
    {
        ParameterExpression[] parameters =
            [.. typeof(TLaunch).GetMethod("Invoke")!.GetParameters().Select(p => Expression.Parameter(p.ParameterType))];
        ParameterExpression error = Expression.Parameter(typeof(AcceleratorException));
        Func<AcceleratorException, Exception> failure = e => Failure($"launching {kernel}", e);
        return Expression.Lambda<TLaunch>(
            Expression.TryCatch(Expression.Invoke(Expression.Constant(launch), parameters),
                Expression.Catch(error, Expression.Throw(Expression.Invoke(Expression.Constant(failure), error)))),
            parameters).Compile();
    }

    /// <summary>Gives something back. After a failure, which every later call repeats, its errors would hide the first one and are dropped.</summary>
    public void Release(Action release)
    {
        try
        {
            release();
        }
        catch (Exception e) when (_hasFailed && e is AcceleratorException or DeviceException)
        {
        }
        catch (AcceleratorException e)
        {
            throw Failure("giving memory back", e);
        }
    }

    /// <summary>What to throw for an error of the driver.</summary>
    /// <inheritdoc cref="DriverErrors.Of"/>
    public DeviceException Failure(string what, Exception e)
    {
        _hasFailed = true;
        return DriverErrors.Of(device, what, e);
    }
}

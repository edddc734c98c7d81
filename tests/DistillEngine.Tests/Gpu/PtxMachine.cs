using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace DistillEngine.Tests.Gpu;

/// <summary>The stand-in device in this process, called as a driver is, without ILGPU.</summary>
sealed unsafe class PtxMachine : IDisposable
{
    readonly nint _library = NativeLibrary.Load(Path.Combine(StandInLibrary.Folder, "libcuda.so.1"));
    readonly List<nint> _memory = [];

    public PtxMachine(int capability = 80) => ((delegate* unmanaged<int, void>)Export("stand_in_execute"))(capability);

    /// <summary>What it last found wrong.</summary>
    public string Complaint => Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)Export("stand_in_complaint"))())!;

    /// <summary>Runs one kernel with these memories as its 64-bit parameters, each copied there and back.</summary>
    /// <param name="body">Of the kernel, whose parameters are p0, p1 …</param>
    /// <param name="isAllowed">Whether the kernel asks for its dynamic shared memory.</param>
    /// <returns>Of the first call that failed, or of the wait.</returns>
    public int Run(string body, int threads, int dynamicBytes = 0, int blocks = 1, bool isAllowed = true, params byte[][] memories)
    {
        string parameters = string.Join(", ", memories.Select((_, i) => $".param .b64 p{i}"));
        string text = $".version 7.8\n.target sm_80\n.address_size 64\n.extern .shared .align 128 .b8 dynamic[];\n.visible .entry k({parameters})\n{{\n{body}\n}}\n";
        nint module, function;
        fixed (byte* bytes = Encoding.ASCII.GetBytes(text + "\0"))
        {
            int status = ((delegate* unmanaged<nint*, byte*, int, nint, nint, int>)Export("cuModuleLoadDataEx"))(&module, bytes, 0, 0, 0);
            if (status != 0) return status;
        }
        fixed (byte* name = "k\0"u8) Assert.Equal(0, ((delegate* unmanaged<nint*, nint, byte*, int>)Export("cuModuleGetFunction"))(&function, module, name));
        if (isAllowed && dynamicBytes > 0)
            Assert.Equal(0, ((delegate* unmanaged<nint, int, int, int>)Export("cuFuncSetAttribute"))(function, 8, dynamicBytes));
        nint[] addresses = [.. memories.Select(Upload)];
        int result = Launch(function, threads, dynamicBytes, blocks, addresses);
        if (result == 0)
        {
            for (int i = 0; i < memories.Length; i++) fixed (byte* host = memories[i]) Assert.Equal(0, Copy((nint)host, addresses[i], memories[i].Length));
            result = Synchronize();
        }
        return result;
    }

    /// <summary>A copy, which the stream carries out when it is waited for.</summary>
    public int Copy(nint to, nint from, int length) => ((delegate* unmanaged<nint, nint, nint, nint, int>)Export("cuMemcpyAsync"))(to, from, length, 0);

    public int Synchronize() => ((delegate* unmanaged<nint, int>)Export("cuStreamSynchronize"))(0);

    public int Pin(nint host, int length) => ((delegate* unmanaged<nint, nint, int, int>)Export("cuMemHostRegister_v2"))(host, length, 0);

    public nint Allocate(int bytes)
    {
        nint memory;
        Assert.Equal(0, ((delegate* unmanaged<nint*, nint, int>)Export("cuMemAlloc_v2"))(&memory, bytes));
        _memory.Add(memory);
        return memory;
    }

    /// <summary>Ends its context, so that errors do not outlive the test.</summary>
    public void Dispose()
    {
        ((delegate* unmanaged<int>)Export("cuCtxDestroy_v2"))();
        foreach (nint memory in _memory) ((delegate* unmanaged<nint, int>)Export("cuMemFree_v2"))(memory);
        NativeLibrary.Free(_library);
    }

    int Launch(nint function, int threads, int dynamicBytes, int blocks, nint[] addresses)
    {
        nint* parameters = stackalloc nint[addresses.Length];
        fixed (nint* values = addresses)
        {
            for (int i = 0; i < addresses.Length; i++) parameters[i] = (nint)(values + i);
            return ((delegate* unmanaged<nint, int, int, int, int, int, int, int, nint, nint*, nint, int>)Export("cuLaunchKernel"))(
                function, blocks, 1, 1, threads, 1, 1, dynamicBytes, 0, parameters, 0);
        }
    }

    nint Upload(byte[] memory)
    {
        nint address = Allocate(memory.Length);
        fixed (byte* host = memory) Assert.Equal(0, Copy(address, (nint)host, memory.Length));
        return address;
    }

    nint Export(string name) => NativeLibrary.GetExport(_library, name);
}

using System.Numerics;
using Iced.Intel;

namespace DistillEngine.Tests.Kernels.Emit;

/// <summary>
/// Executes emitted routines instruction by instruction on this process's memory, so that tiles of vectors that this processor lacks are run,
/// too. It knows what tiles consist of, and throws at anything else. Vectors are 16 words of 32 bits.
/// </summary>
sealed unsafe class CodeInterpreter
{
    const int Lanes = 16, MostInstructions = 1_000_000;

    readonly Dictionary<ulong, Instruction> _code = [];
    readonly long[] _general = new long[16];
    readonly uint[][] _vectors = [.. Enumerable.Range(0, 32).Select(_ => new uint[Lanes])];
    readonly uint[] _masks = new uint[8];
    readonly Stack<long> _stack = new();
    readonly List<(long Address, int Executed)> _asked = [];
    int _executed;
    bool _zero, _sign, _overflow;

    public CodeInterpreter(byte[] code)
    {
        var decoder = Decoder.Create(64, code);
        while (decoder.IP < (ulong)code.Length)
        {
            Instruction instruction = decoder.Decode();
            _code.Add(instruction.IP, instruction);
        }
    }

    /// <summary>The addresses that the last run asked the second cache for, in order, each with the instructions executed before.</summary>
    public IReadOnlyList<(long Address, int Executed)> Asked => _asked;

    /// <summary>Calls the routine with one argument, as every system but Windows does.</summary>
    public void Run(void* argument)
    {
        // What a routine must not take for granted.
        foreach (uint[] vector in _vectors) Array.Fill(vector, BitConverter.SingleToUInt32Bits(float.NaN));
        Array.Fill(_general, 0x5555_5555_5555);
        _general[Register.RDI - Register.RAX] = (long)argument;
        _asked.Clear();
        ulong at = 0;
        for (_executed = 0; _executed < MostInstructions; _executed++)
        {
            Instruction instruction = _code[at];
            if (instruction.Mnemonic == Mnemonic.Ret) return;
            at = Execute(instruction) ? instruction.NearBranchTarget : instruction.NextIP;
        }
        throw new InvalidOperationException("The routine does not end.");
    }

    /// <returns>Whether it is a branch that is taken.</returns>
    bool Execute(in Instruction i)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Jmp: return true;
            case Mnemonic.Je: return _zero;
            case Mnemonic.Jg: return !_zero && _sign == _overflow;
            case Mnemonic.Jne: return !_zero;
            case Mnemonic.Js: return _sign;
            case Mnemonic.Jns: return !_sign;
            case Mnemonic.Jl: return _sign != _overflow;
            case Mnemonic.Jge: return _sign == _overflow;
            case Mnemonic.Prefetcht0 or Mnemonic.Prefetcht1: _asked.Add((Address(i), _executed)); break;
            case Mnemonic.Push: _stack.Push(Integer(i, 0)); break;
            case Mnemonic.Pop: Set(i, _stack.Pop()); break;
            case Mnemonic.Mov: Set(i, Integer(i, 1)); break;
            case Mnemonic.Lea: Set(i, Address(i)); break;
            case Mnemonic.Add: Set(i, Flags(Integer(i, 0), Integer(i, 1), subtracts: false)); break;
            case Mnemonic.Sub: Set(i, Flags(Integer(i, 0), Integer(i, 1), subtracts: true)); break;
            case Mnemonic.Shr: Set(i, (long)((ulong)Integer(i, 0) >> (int)Integer(i, 1))); break;
            case Mnemonic.Dec: Set(i, Flags(Integer(i, 0), 1, subtracts: true)); break;
            case Mnemonic.Cmp: Flags(Integer(i, 0), Integer(i, 1), subtracts: true); break;
            case Mnemonic.Kmovw: _masks[i.Op0Register - Register.K0] = *(ushort*)Address(i); break;
            case Mnemonic.Vmovups: Move(i); break;
            case Mnemonic.Vmovntps when Address(i) % (Width(i) * sizeof(uint)) == 0: Move(i); break;
            case Mnemonic.Vmaskmovps: MaskedMove(i); break;
            case Mnemonic.Vbroadcastss or Mnemonic.Vpbroadcastd:
                Array.Fill(Begin(i), i.Op1Kind == OpKind.Memory ? *(uint*)Address(i) : _vectors[i.Op1Register.GetNumber()][0], 0, Width(i));
                break;
            case Mnemonic.Vxorps or Mnemonic.Vpxor or Mnemonic.Vpxord: Lanewise(i, (_, a, b) => a ^ b); break;
            case Mnemonic.Vpand or Mnemonic.Vpandd: Lanewise(i, (_, a, b) => a & b); break;
            case Mnemonic.Vpslld: Lanewise(i, (_, a, bits) => a << (int)bits); break;
            case Mnemonic.Vpsrld: Lanewise(i, (_, a, bits) => a >> (int)bits); break;
            case Mnemonic.Vpsrlw: Lanewise(i, (_, a, bits) => (a & 0xFFFF) >> (int)bits | a >> 16 >> (int)bits << 16); break;
            case Mnemonic.Vpaddd: Lanewise(i, (_, a, b) => a + b); break;
            case Mnemonic.Vpaddw: Lanewise(i, (_, a, b) => (a + b & 0xFFFF) | (a >> 16) + (b >> 16) << 16); break;
            case Mnemonic.Vpcmpeqd: Lanewise(i, (_, a, b) => a == b ? uint.MaxValue : 0); break;
            case Mnemonic.Vpmaddubsw: Lanewise(i, (_, a, b) => PairOfBytes(a, b) | PairOfBytes(a >> 16, b >> 16) << 16); break;
            case Mnemonic.Vpmaddwd: Lanewise(i, (_, a, b) => (uint)((short)a * (short)b + (short)(a >> 16) * (short)(b >> 16))); break;
            case Mnemonic.Vpdpbusd: Lanewise(i, (sum, a, b) => sum + (uint)Enumerable.Range(0, 4).Sum(at => (byte)(a >> 8 * at) * (sbyte)(b >> 8 * at))); break;
            case Mnemonic.Vcvtdq2ps: Array.ConvertAll(_vectors[i.Op1Register.GetNumber()][..Width(i)], number => Bits((int)number)).CopyTo(Begin(i), 0); break;
            case Mnemonic.Vpmovzxwd: WidenWords(i); break;
            case Mnemonic.Vmovd: _vectors[i.Op0Register.GetNumber()][0] = (uint)Integer(i, 1); break;
            case Mnemonic.Vmulps: Lanewise(i, (_, a, b) => Bits(Number(a) * Number(b))); break;
            case Mnemonic.Vaddps: Lanewise(i, (_, a, b) => Bits(Number(a) + Number(b))); break;
            case Mnemonic.Vfmadd231ps: Lanewise(i, (sum, a, b) => Bits(MathF.FusedMultiplyAdd(Number(a), Number(b), Number(sum)))); break;
            // The processor's order: the second number of each pair first.
            case Mnemonic.Vdpbf16ps:
                Lanewise(i, (sum, a, b) => Bits(Number(sum) + Number(a & 0xFFFF_0000) * Number(b & 0xFFFF_0000) + Number(a << 16) * Number(b << 16)));
                break;
            case Mnemonic.Vzeroupper:
                foreach (uint[] vector in _vectors.Take(16)) Array.Clear(vector, 4, Lanes - 4);
                break;
            default: throw new NotSupportedException(i.ToString());
        }
        return false;
    }

    void Move(in Instruction i)
    {
        bool stores = i.Op0Kind == OpKind.Memory;
        uint[] vector = _vectors[(stores ? i.Op1Register : i.Op0Register).GetNumber()];
        int width = Width(i);
        uint* memory = (uint*)Address(i);
        uint mask = i.HasOpMask ? _masks[i.OpMask - Register.K0] : uint.MaxValue;
        for (int lane = 0; lane < Lanes; lane++)
        {
            bool moves = lane < width && (mask >> lane & 1) != 0;
            if (stores && moves) memory[lane] = vector[lane];
            else if (!stores && (moves || !i.HasOpMask || i.ZeroingMasking)) vector[lane] = moves ? memory[lane] : 0;
        }
    }

    void MaskedMove(in Instruction i)
    {
        bool stores = i.Op0Kind == OpKind.Memory;
        uint[] mask = _vectors[i.Op1Register.GetNumber()], vector = _vectors[(stores ? i.Op2Register : i.Op0Register).GetNumber()];
        uint* memory = (uint*)Address(i);
        for (int lane = 0; lane < 8; lane++)
        {
            bool moves = (int)mask[lane] < 0;
            if (!stores) vector[lane] = moves ? memory[lane] : 0;
            else if (moves) memory[lane] = vector[lane];
        }
    }

    /// <param name="compute">The word of a lane from that of the destination and both sources.</param>
    void Lanewise(in Instruction i, Func<uint, uint, uint, uint> compute)
    {
        uint[] left = _vectors[i.Op1Register.GetNumber()];
        int width = Width(i);
        var results = new uint[width];
        for (int lane = 0; lane < width; lane++)
        {
            uint right = i.Op2Kind switch
            {
                OpKind.Memory => ((uint*)Address(i))[i.IsBroadcast ? 0 : lane],
                OpKind.Register => _vectors[i.Op2Register.GetNumber()][lane],
                _ => (uint)i.GetImmediate(2),
            };
            results[lane] = compute(_vectors[i.Op0Register.GetNumber()][lane], left[lane], right);
        }
        results.CopyTo(Begin(i), 0);
    }

    void WidenWords(in Instruction i)
    {
        ushort* memory = (ushort*)Address(i);
        uint[] to = Begin(i);
        for (int lane = 0; lane < Width(i); lane++) to[lane] = memory[lane];
    }

    /// <summary>The vector that is written; lanes beyond the instruction's width become zero.</summary>
    uint[] Begin(in Instruction i)
    {
        uint[] vector = _vectors[i.Op0Register.GetNumber()];
        Array.Clear(vector, Width(i), Lanes - Width(i));
        return vector;
    }

    /// <summary>Lanes of an instruction, by the first vector register among its operands.</summary>
    static int Width(in Instruction i)
    {
        for (int operand = 0; operand < i.OpCount; operand++)
            if (i.GetOpKind(operand) == OpKind.Register && i.GetOpRegister(operand) is var register && register.IsVectorRegister())
                return register.GetSize() / sizeof(float);
        throw new NotSupportedException(i.ToString());
    }

    long Address(in Instruction i) => Base(i.MemoryBase) + Base(i.MemoryIndex) * i.MemoryIndexScale + (long)i.MemoryDisplacement64;

    long Base(Register register) => register == Register.None ? 0 : _general[register - Register.RAX];

    long Integer(in Instruction i, int operand) => i.GetOpKind(operand) switch
    {
        OpKind.Register => _general[i.GetOpRegister(operand).GetFullRegister() - Register.RAX],
        OpKind.Memory => i.MemorySize.GetSize() switch { 2 => *(short*)Address(i), 4 => *(int*)Address(i), _ => *(long*)Address(i) },
        _ => (long)i.GetImmediate(operand),
    };

    void Set(in Instruction i, long value)
    {
        if (i.Op0Kind == OpKind.Memory) *(long*)Address(i) = value;
        else _general[i.Op0Register.GetFullRegister() - Register.RAX] = value;
    }

    long Flags(long left, long right, bool subtracts)
    {
        BigInteger exact = subtracts ? (BigInteger)left - right : (BigInteger)left + right;
        long result = subtracts ? left - right : left + right;
        (_zero, _sign, _overflow) = (result == 0, result < 0, exact != result);
        return result;
    }

    /// <summary>The sum of two products of an unsigned and a signed byte, as far as int16 goes.</summary>
    static uint PairOfBytes(uint a, uint b) =>
        (ushort)Math.Clamp((byte)a * (sbyte)b + (byte)(a >> 8) * (sbyte)(b >> 8), short.MinValue, short.MaxValue);

    static float Number(uint bits) => BitConverter.UInt32BitsToSingle(bits);

    static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);
}

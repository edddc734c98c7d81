using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace DistillEngine.Kernels;

/// <summary>
/// Writes the machine code of a tile: the sums of all its elements stay in registers while the contracted axis passes. A step loads the
/// vectors of the right factor, broadcasts one number a row of the left one, and multiplies and adds rows × vectors times; with 24 sums that
/// is 14 loads for 24 multiply-adds, within what every processor with such registers loads meanwhile. Bound: compute.
/// An element's sum is the same instructions in the same order in every shape of tile, so its bits do not depend on where a tile's edge lies.
/// </summary>
sealed class TileEmitter
{
    /// <summary>Words of the contracted axis in an iteration: the loop's own seven instructions weigh little, and the code stays in the micro-op cache.</summary>
    public const int Unroll = 8;

    // Where the code keeps what it was called with; all are free to change under the conventions of every system.
    const Register Call = Register.RAX, A = Register.R8, B = Register.R9, C = Register.RDX, Stride = Register.R10, Count = Register.RCX;

    // In the loop, instead of the result's registers: what is asked for meanwhile.
    const Register AheadLine = Register.R11, AheadDue = Register.R10, AheadInRun = Register.RDX, NextResult = Register.RSI, ResultRows = Register.RDI;

    readonly Assembler _code = new(64);
    readonly TileFormat _format;
    readonly int _rows, _vectors;
    readonly bool _windows;

    // Where an iteration leaves for what it asks for, and where it comes back.
    Label _ask, _asked, _askForResult, _askedForResult;

    TileEmitter(TileFormat format, int rows, int vectors, bool windows) =>
        (_format, _rows, _vectors, _windows) = (format, rows, vectors, windows);

    /// <summary>The code of a routine that takes a pointer to a <see cref="TileCall"/>.</summary>
    /// <param name="rows">1 … <see cref="TileFormat.Rows"/>.</param>
    /// <param name="vectors">1 … <see cref="TileFormat.Vectors"/>.</param>
    /// <param name="windows">Whether the caller follows the convention of Windows.</param>
    public static byte[] Emit(TileFormat format, int rows, int vectors, bool windows) => new TileEmitter(format, rows, vectors, windows).Emit();

    byte[] Emit()
    {
        Begin();
        for (int row = 0; row < _rows; row++)
            for (int v = 0; v < _vectors; v++) Put(Instruction.Create(_format.Zero, Sum(row, v), Sum(row, v), Sum(row, v)));
        LoadArgument(AheadLine, Ahead(GemmPrefetch.AtLine));
        LoadArgument(AheadInRun, Ahead(GemmPrefetch.AtInRun));
        LoadArgument(NextResult, Ahead(GemmPrefetch.AtResult));
        LoadArgument(ResultRows, Ahead(GemmPrefetch.AtResultRows));
        SpreadLines();
        Loop();
        StoreArgument(AheadLine, Ahead(GemmPrefetch.AtLine));
        StoreArgument(AheadInRun, Ahead(GemmPrefetch.AtInRun));
        LoadArgument(C, TileCall.AtC);
        LoadArgument(Stride, TileCall.AtStrideBytes);
        Finish();
        Ask();
        AskForNextResult();
        var stream = new MemoryStream();
        _code.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    void Begin()
    {
        _code.mov(rax, _windows ? rcx : rdi);
        _code.push(rsi); // They belong to the caller on Windows.
        _code.push(rdi);
        if (_windows) SavedVectors.Save(_code);
        LoadArgument(A, TileCall.AtA);
        LoadArgument(B, TileCall.AtB);
        LoadArgument(C, TileCall.AtC);
        LoadArgument(Stride, TileCall.AtStrideBytes);
        LoadArgument(Count, TileCall.AtWords);
    }

    /// <summary>The count of what an iteration falls short of a line: it starts one short of the iterations, each takes the tile's lines from
    /// it, and each line gives the iterations back. So the lines are asked for at even distances, and all of them by the end.</summary>
    void SpreadLines()
    {
        Put(Instruction.Create(Code.Mov_r64_rm64, AheadDue, Count));
        _code.shr(r10, (byte)System.Numerics.BitOperations.Log2(Unroll));
        StoreArgument(AheadDue, TileCall.AtIterations);
        _code.dec(r10);
    }

    void Loop()
    {
        (_ask, _asked, _askForResult, _askedForResult) = (_code.CreateLabel(), _code.CreateLabel(), _code.CreateLabel(), _code.CreateLabel());
        UnrolledLoop.Emit(_code, Unroll, step =>
        {
            if (step == 0) LeaveToAsk();
            Step(step);
        }, () => Step(0), Advance);
    }

    /// <summary>Leaves an iteration while something is to be asked for. Both branches are not taken for most of a tile: a processor whose other
    /// thread is busy hands out half as many instructions a cycle, and each one beside the arithmetic then takes time.</summary>
    void LeaveToAsk()
    {
        _code.sub(r10, Argument(Ahead(GemmPrefetch.AtLines)));
        _code.js(_ask);
        _code.Label(ref _asked);
        _code.dec(rdi);
        _code.jns(_askForResult);
        _code.Label(ref _askedForResult);
    }

    void Step(int step)
    {
        for (int v = 0; v < _vectors; v++)
            Put(Instruction.Create(_format.Load, Right(v), At(B, (step * _vectors + v) * _format.VectorBytes)));
        for (int row = 0; row < _rows; row++)
        {
            MemoryOperand left = At(A, (step * _rows + row) * sizeof(float));
            if (_format.BroadcastsOperands && row % 2 != 0)
                for (int v = 0; v < _vectors; v++)
                {
                    Instruction multiplyAdd = Instruction.Create(_format.MultiplyAdd, Sum(row, v), Right(v), left);
                    multiplyAdd.IsBroadcast = true;
                    Put(multiplyAdd);
                }
            else
            {
                Put(Instruction.Create(_format.Broadcast, Left(row), left));
                for (int v = 0; v < _vectors; v++) Put(Instruction.Create(_format.MultiplyAdd, Sum(row, v), Left(row), Right(v)));
            }
        }
    }

    /// <summary>Asks for the lines that are due of what is needed next, and goes on with the iteration.</summary>
    void Ask()
    {
        Label runEnds = _code.CreateLabel(), counted = _code.CreateLabel();
        _code.Label(ref _ask);
        Put(Instruction.Create(_format.Ask, At(AheadLine, 0)));
        _code.add(r11, GemmPrefetch.CacheLine);
        _code.dec(Argument(Ahead(GemmPrefetch.AtLeft)));
        _code.dec(rdx);
        _code.jz(runEnds);
        _code.Label(ref counted);
        _code.add(r10, Argument(TileCall.AtIterations));
        _code.js(_ask);
        _code.jmp(_asked);
        _code.Label(ref runEnds);
        _code.add(r11, Argument(Ahead(GemmPrefetch.AtJump)));
        _code.mov(rdx, Argument(Ahead(GemmPrefetch.AtRunLines)));
        _code.jmp(counted);
    }

    /// <summary>Asks for a row of the next tile's result, and goes on with the iteration.</summary>
    void AskForNextResult()
    {
        _code.Label(ref _askForResult);
        for (int offset = 0; offset < _vectors * _format.VectorBytes; offset += GemmPrefetch.CacheLine)
            Put(Instruction.Create(_format.Ask, At(NextResult, offset)));
        _code.add(rsi, Argument(TileCall.AtStrideBytes));
        _code.jmp(_askedForResult);
    }

    void Advance(int words)
    {
        Put(Instruction.Create(Code.Add_rm64_imm32, A, words * _rows * sizeof(float)));
        Put(Instruction.Create(Code.Add_rm64_imm32, B, words * _vectors * _format.VectorBytes));
    }

    /// <summary>Stores the sums, or adds them to what is there; whole rows, or rows whose last vector is masked.</summary>
    void Finish()
    {
        Label masked = _code.CreateLabel(), add = _code.CreateLabel(), stream = _code.CreateLabel(), maskedAdd = _code.CreateLabel();
        _code.cmp(Argument(TileCall.AtIsMasked), 0);
        _code.jne(masked);
        _code.cmp(Argument(TileCall.AtStore), (int)TileStore.Add);
        _code.je(add);
        _code.jg(stream);
        Store(TileStore.Overwrite, masks: false);
        _code.Label(ref add);
        Store(TileStore.Add, masks: false);
        _code.Label(ref stream);
        Store(TileStore.Stream, masks: false);
        _code.Label(ref masked);
        if (_format.HasMaskRegisters) Put(Instruction.Create(Code.VEX_Kmovw_kr_km16, Register.K1, Field(TileCall.AtMask)));
        else Put(Instruction.Create(_format.Load, MaskVector, Field(TileCall.AtMask)));
        _code.cmp(Argument(TileCall.AtStore), (int)TileStore.Add);
        _code.je(maskedAdd);
        Store(TileStore.Overwrite, masks: true);
        _code.Label(ref maskedAdd);
        Store(TileStore.Add, masks: true);
    }

    void Store(TileStore store, bool masks)
    {
        for (int row = 0; row < _rows; row++)
        {
            for (int v = 0; v < _vectors; v++) Store(Sum(row, v), At(C, v * _format.VectorBytes), store, masks && v == _vectors - 1);
            if (row + 1 < _rows) Put(Instruction.Create(Code.Add_rm64_r64, C, Stride));
        }
        End();
    }

    void Store(Register sum, MemoryOperand c, TileStore store, bool masks)
    {
        bool adds = store == TileStore.Add;
        Register old = Right(0);
        if (masks && _format.HasMaskRegisters)
        {
            if (adds)
            {
                Instruction load = Instruction.Create(_format.Load, old, c);
                load.OpMask = Register.K1;
                load.ZeroingMasking = true;
                Put(load);
                Put(Instruction.Create(_format.Add, sum, sum, old));
            }
            Instruction masked = Instruction.Create(_format.Store, c, sum);
            masked.OpMask = Register.K1;
            Put(masked);
        }
        else if (masks)
        {
            if (adds)
            {
                Put(Instruction.Create(Code.VEX_Vmaskmovps_ymm_ymm_m256, old, MaskVector, c));
                Put(Instruction.Create(_format.Add, sum, sum, old));
            }
            Put(Instruction.Create(Code.VEX_Vmaskmovps_m256_ymm_ymm, c, MaskVector, sum));
        }
        else
        {
            if (adds) Put(Instruction.Create(_format.Add, sum, sum, c));
            Put(Instruction.Create(store == TileStore.Stream ? _format.Stream : _format.Store, c, sum));
        }
    }

    void End()
    {
        if (_windows) SavedVectors.Restore(_code);
        _code.pop(rdi);
        _code.pop(rsi);
        // Else SSE code that runs next would wait for the upper halves at every instruction. It keeps the lower ones.
        _code.vzeroupper();
        _code.ret();
    }

    // Registers 0 and 1 hold the right factor, the sums the last ones, and the left factor takes turns in those between.
    Register Right(int vector) => _format.FirstRegister + vector;

    int RegisterCount => _format.HasMaskRegisters ? 32 : 16;

    Register Sum(int row, int vector) => _format.FirstRegister + (RegisterCount - _format.Rows * TileFormat.Vectors + row * TileFormat.Vectors + vector);

    Register Left(int row) =>
        _format.FirstRegister + (TileFormat.Vectors + row % (RegisterCount - (_format.Rows + 1) * TileFormat.Vectors));

    Register MaskVector => _format.FirstRegister + TileFormat.Vectors;

    void LoadArgument(Register register, int field) => Put(Instruction.Create(Code.Mov_r64_rm64, register, Field(field)));

    void StoreArgument(Register register, int field) => Put(Instruction.Create(Code.Mov_rm64_r64, Field(field), register));

    static int Ahead(int field) => TileCall.AtAhead + field;

    static AssemblerMemoryOperand Argument(int field) => __qword_ptr[rax + field];

    static MemoryOperand Field(int field) => At(Call, field);

    static MemoryOperand At(Register address, int offset) => new(address, offset);

    void Put(in Instruction instruction) => _code.AddInstruction(instruction);
}

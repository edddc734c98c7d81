using System.Text.RegularExpressions;

namespace DistillEngine.Kernels;

/// <summary>
/// Makes registers of the local memory that ILGPU gives each operand of inline code. The assembler of CUDA 11.8 does so itself, except in
/// kernels that copy in the background (cp.async), where every operand would go through memory.
/// </summary>
static partial class LocalSlots
{
    /// <summary>Corrects the slots of 4 bytes whose address is taken once, into a register that serves to load and store them and nothing else.</summary>
    public static string InRegisters(string ptx)
    {
        string[] lines = ptx.Split('\n');
        HashSet<string> declared = [.. lines.Select(line => Declaration().Match(line)).Where(match => match.Success)
            .Select(match => match.Groups["slot"].Value)];
        // By the register that holds the address.
        var slots = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in lines)
            if (Address().Match(line) is { Success: true } match && declared.Contains(match.Groups["slot"].Value))
                slots.TryAdd(match.Groups["register"].Value, match.Groups["slot"].Value);
        foreach (string line in lines)
        {
            if (Access().IsMatch(line)) continue;
            bool takesAddress = Address().Match(line) is { Success: true } match
                && slots.GetValueOrDefault(match.Groups["register"].Value) == match.Groups["slot"].Value;
            if (takesAddress) continue;
            foreach (Match register in Register().Matches(line)) slots.Remove(register.Value);
        }
        HashSet<string> kept = [.. slots.Values];
        // Two registers hold one address.
        if (kept.Count < slots.Count) return ptx;
        return string.Join('\n', lines.Select(line => Corrected(line, slots, kept)));
    }

    static string Corrected(string line, Dictionary<string, string> slots, HashSet<string> kept)
    {
        if (Declaration().Match(line) is { Success: true } declaration && kept.Contains(declaration.Groups["slot"].Value))
            return $"\t.reg .b32 {NameOf(declaration.Groups["slot"].Value)};";
        if (Address().Match(line) is { Success: true } address && slots.ContainsKey(address.Groups["register"].Value)) return "";
        if (Access().Match(line) is not { Success: true } access || !slots.TryGetValue(access.Groups["register"].Value, out string? slot)) return line;
        string type = access.Groups["type"].Value, value = access.Groups["value"].Value;
        return access.Groups["store"].Success ? $"\tmov.{type}\t{NameOf(slot)}, {value};" : $"\tmov.{type}\t{value}, {NameOf(slot)};";
    }

    static string NameOf(string slot) => $"%in_register{slot}";

    [GeneratedRegex(@"^\s*\.local \.align 4 \.b8 (?<slot>\w+)\[4\];")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^\s*mov\.b64\s+(?<register>%rd\d+), (?<slot>__local_depot\d+);")]
    private static partial Regex Address();

    [GeneratedRegex(@"^\s*(?:(?<store>st)\.local\.(?<type>[bf]32)\s+\[(?<register>%rd\d+)\], (?<value>[^;]+);"
        + @"|ld\.local\.(?<type>[bf]32)\s+(?<value>%\w+), \[(?<register>%rd\d+)\];)\s*$")]
    private static partial Regex Access();

    [GeneratedRegex(@"%rd\d+\b")]
    private static partial Regex Register();
}

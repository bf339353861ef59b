# Installs Stationmaster's program on a Windows machine, from the portal that this script came from:
#
#     & ([scriptblock]::Create((irm PORTAL/install.ps1))) -Token TOKEN
#
# The program needs Linux: it runs in WSL 2 (wsl --install), and a scheduled task starts it when this person signs in.
# Run it again to upgrade, with -Uninstall to remove everything.
param(
    [string]$Token = '',
    [string]$Portal = '@PORTAL@',
    [string]$Distribution = '',
    [switch]$NoService,
    [switch]$Uninstall,
    [switch]$KeepData,
    [switch]$Force
)

$ErrorActionPreference = 'Stop'
$TaskName = 'Stationmaster station'
$Program = '~/.local/bin/stationmaster'

# Runs a line in the shell of WSL. There are no quotation marks in it: PowerShell would lose them on the way.
function Invoke-Linux([string]$Line) {
    $Words = @()
    if ($Distribution) { $Words += @('-d', $Distribution) }
    & wsl.exe @Words -e sh -c $Line | Out-Host
    return ($LASTEXITCODE -eq 0)
}

function Assert-Input {
    if (-not (Get-Command wsl.exe -ErrorAction SilentlyContinue)) {
        throw 'WSL 2 is needed: run wsl --install, restart, and run this again.'
    }
    if ($Portal -notmatch '^https?://[A-Za-z0-9.:/_\[\]-]+$') { throw "$Portal is not a portal's address." }
    if ($Token -and $Token -notmatch '^[A-Za-z0-9_-]+$') { throw 'The setup token is not complete: copy all of it.' }
    if ($Distribution -and $Distribution -notmatch '^[A-Za-z0-9._-]+$') { throw "There is no distribution $Distribution." }
}

function Register-Station {
    # The loop is the restart: the task scheduler's own does not look at how a program ended.
    # 0: somebody stopped it, or the portal ended it for good.
    $Line = "until $Program station run --ok-when-parted; do sleep 5; done"
    $Arguments = "-e sh -c `"$Line`""
    if ($Distribution) { $Arguments = "-d $Distribution $Arguments" }
    $Action = New-ScheduledTaskAction -Execute 'wsl.exe' -Argument $Arguments
    $Trigger = New-ScheduledTaskTrigger -AtLogOn -User "$env:USERDOMAIN\$env:USERNAME"
    $Settings = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew `
        -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
    Register-ScheduledTask -TaskName $TaskName -Action $Action -Trigger $Trigger -Settings $Settings -Force | Out-Null
    Start-ScheduledTask -TaskName $TaskName
    Write-Host "The task '$TaskName' starts the program when you sign in; it is started."
}

function Install-Station {
    $Options = '--user --no-service'
    if ($Token) { $Options += " --token $Token" }
    $Script = '~/.stationmaster-install'
    $Line = "curl -fsSL $Portal/install -o $Script && sh $Script $Options && rm $Script"
    if (-not (Invoke-Linux $Line)) { throw 'The program was not installed: the lines above say why.' }
    if ($NoService) { return }
    Invoke-Linux "$Program station service stop" | Out-Null
    Register-Station
}

function Uninstall-Station {
    $Options = ''
    if ($KeepData) { $Options += ' --keep-data' }
    if ($Force) { $Options += ' --force' }
    if (-not (Invoke-Linux "$Program station uninstall$Options")) { throw 'It was not removed: the lines above say why.' }
    Unregister-ScheduledTask -TaskName $TaskName -Confirm:$false -ErrorAction SilentlyContinue
    Write-Host 'Stationmaster is removed from this machine.'
}

function Invoke-Main {
    Assert-Input
    if ($Uninstall) { Uninstall-Station } else { Install-Station }
}

Invoke-Main
